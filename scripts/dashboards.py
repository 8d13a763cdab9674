"""Write Grafana's dashboards from the panels listed here; `--check` compares.

python scripts/dashboards.py [--check]

Each panel says in its description what to do when it looks wrong. Expressions filter by
the variable `instance`; where classes are shown, by `class`.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    Threshold,
    ThresholdsMode,
    VariableRefresh,
)

FOLDER = Path(__file__).parent.parent / "deploy" / "grafana" / "dashboards"
SOURCE = DataSourceRef(type_val="prometheus", uid="prometheus")
_RUNBOOK = "docs/operations/runbook.md"
# The histograms whose measurements name the trace they were made in.
_TRACED = {"sketchzoo_search_stage_seconds", "sketchzoo_qdrant_call_seconds"}


@dataclass(frozen=True, slots=True)
class Query:
    """An expression and the legend of its series."""

    expr: str
    legend: str = ""
    exemplar: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel: what it shows, in which unit, and what to do when it looks wrong.

    With `good_from` it is a single number, green from there on and red below.
    """

    title: str
    unit: str
    queries: tuple[Query, ...]
    wrong: str
    good_from: float | None = None
    stacked: bool = False
    highest: float | None = None

    def __post_init__(self) -> None:
        if not self.wrong:
            raise ValueError(f"{self.title}: wrong must say what to do when it looks wrong")


@dataclass(frozen=True, slots=True)
class Page:
    """A dashboard; `jobs` are those whose instances can be chosen."""

    name: str
    title: str
    jobs: str
    panels: tuple[Panel, ...]
    classes: bool = False


def quantiles(
    metric: str, by: str = "", more: str = "", shares: str = "0.5 0.95 0.99"
) -> tuple[Query, ...]:
    """Return the quantiles of a histogram, for each value of a label if one is given."""
    labels = f"{by}, le" if by else "le"
    return tuple(
        Query(
            f"histogram_quantile({share}, sum by ({labels}) "
            f"(rate({metric}_bucket{{{_instance(more)}}}[$__rate_interval])))",
            f"p{float(share) * 100:g}" + (f" {{{{{by}}}}}" if by else ""),
            exemplar=metric in _TRACED,
        )
        for share in shares.split()
    )


def rate(metric: str, by: str, more: str = "") -> Query:
    """Return a counter's rate a second, by labels."""
    legend = " ".join(f"{{{{{label.strip()}}}}}" for label in by.split(","))
    return Query(f"sum by ({by}) (rate({metric}{{{_instance(more)}}}[$__rate_interval]))", legend)


def gauge(metric: str, legend: str = "{{instance}}", more: str = "") -> Query:
    """Return a gauge as it is."""
    return Query(f"{metric}{{{_instance(more)}}}", legend)


def _instance(more: str = "") -> str:
    return f'instance=~"$instance"{"," + more if more else ""}'


_TOTAL = 'stage="total"'


def _spent(equal: str) -> str:
    """Return the seconds a second that searches spent in all, or in what is not all."""
    more = _TOTAL.replace("=", equal)
    return f"sum(rate(sketchzoo_search_stage_seconds_sum{{{_instance(more)}}}[$__rate_interval]))"


_MEMORY = Panel(
    "Memory",
    "bytes",
    (gauge("process_resident_memory_bytes"),),
    "Near the limit of the container (docker-compose.yml): raise it, or lower what the part may "
    "hold (queues, caches, concurrent calls). Steady growth without load is a leak: report it "
    "with the version, and restart the part.",
)

SEARCH = Page(
    "search",
    "Search",
    "search",
    (
        Panel(
            "Ready",
            "none",
            (Query(f"max(sketchzoo_search_ready{{{_instance()}}})", "ready"),),
            "0: no search service can answer. Look at the next panel for the reason, then "
            f"{_RUNBOOK}#search-is-not-ready.",
            good_from=1,
        ),
        Panel(
            "Error budget left, 3 days (availability)",
            "percentunit",
            (Query("1 - sketchzoo:search_errors:ratio_rate3d / 0.005", "left"),),
            "Below 0 more searches failed in three days than the objective of 99.5 % allows: stop "
            f"risky changes and find the code that fails. {_RUNBOOK}#searches-fail.",
            good_from=0,
        ),
        Panel(
            "Error budget left, 3 days (latency)",
            "percentunit",
            (Query("1 - sketchzoo:search_slow:ratio_rate3d / 0.01", "left"),),
            "Below 0 more than 1 % of the searches of three days took over 0.25 s: find the slow "
            f"stage below. {_RUNBOOK}#searches-are-slow.",
            good_from=0,
        ),
        Panel(
            "Why not ready",
            "none",
            (
                Query(
                    f"max by (reason) (sketchzoo_search_not_ready{{{_instance()}}})", "{{reason}}"
                ),
            ),
            "away: look at the encoder and Qdrant. no_gallery: ingest photos. model_mismatch: "
            f"{_RUNBOOK}#model-mismatch. denied, unimplemented: {_RUNBOOK}#search-is-not-ready. "
            "other: read the search service's log.",
            highest=1,
        ),
        Panel(
            "Time of a search",
            "s",
            quantiles("sketchzoo_search_stage_seconds", more=_TOTAL),
            "p99 over 0.25 s misses the objective: the next panel says which stage. Follow an "
            "exemplar's trace where traces are on.",
        ),
        Panel(
            "p99 by stage",
            "s",
            quantiles(
                "sketchzoo_search_stage_seconds",
                by="stage",
                more='stage!="total"',
                shares="0.99",
            ),
            "queue: the encoder is too busy, add cores or replicas. decode: callers send large "
            "files. encode: the encoder's cores are shared with others. query: Qdrant is slow, "
            "see its dashboard.",
        ),
        Panel(
            "p50 by stage",
            "s",
            quantiles(
                "sketchzoo_search_stage_seconds", by="stage", more='stage!="total"', shares="0.5"
            ),
            "The usual time of a stage: compare with last week. A rise everywhere means less CPU, "
            "in one stage a change there.",
        ),
        Panel(
            "Time outside the stages, mean",
            "s",
            (
                Query(
                    f"({_spent('=')} - {_spent('!=')}) / sum(rate("
                    f"sketchzoo_search_stage_seconds_count{{{_instance(_TOTAL)}}}"
                    "[$__rate_interval]))",
                    "rest",
                ),
            ),
            "Over some milliseconds: search is short of CPU, the network between the parts is "
            "slow, or the encoder's process stands still, which its own times do not tell.",
        ),
        Panel(
            "Searches by code",
            "reqps",
            (rate("sketchzoo_search_queries_total", "code"),),
            "RESOURCE_EXHAUSTED: overload, see places and the encoder. UNAVAILABLE: a part is "
            "away. DEADLINE_EXCEEDED: callers wait less than a search takes. INVALID_ARGUMENT: a "
            "caller's bug. FAILED_PRECONDITION: model and gallery differ.",
            stacked=True,
        ),
        Panel(
            "Searches by kind",
            "reqps",
            (rate("sketchzoo_search_queries_total", "kind"),),
            "A kind that vanishes: its callers cannot reach the service or got an error before "
            "(see calls by code). `unread` was refused before it was read.",
            stacked=True,
        ),
        Panel(
            "Calls by method and code",
            "reqps",
            (rate("grpc_server_handled_total", "grpc_method, grpc_code", 'grpc_type="unary"'),),
            "UNAUTHENTICATED: a caller has a wrong or old token. UNIMPLEMENTED: a caller of "
            "another version.",
        ),
        Panel(
            "Burn rate of the error budgets",
            "none",
            (
                Query("sketchzoo:search_errors:ratio_rate1h / 0.005", "availability, 1 h"),
                Query("sketchzoo:search_slow:ratio_rate1h / 0.01", "latency, 1 h"),
            ),
            "1 uses up the budget exactly; at 14.4 an alert pages. Which code or stage: the "
            "panels above.",
        ),
        Panel(
            "Places taken",
            "percentunit",
            (
                Query(
                    f"sketchzoo_search_places_taken{{{_instance()}}} / sketchzoo_search_places",
                    "{{kind}} {{instance}}",
                ),
            ),
            "Near 1 calls are refused. If the encoder is idle, raise max_wait_seconds; if it is "
            f"busy, add encoders. {_RUNBOOK}#search-is-saturated.",
            highest=1,
        ),
        Panel(
            "Embedding cache",
            "percentunit",
            (
                Query(
                    f"sum by (outcome) (rate(sketchzoo_search_cache_total{{{_instance()}}}"
                    "[$__rate_interval])) / ignoring (outcome) group_left "
                    f"sum(rate(sketchzoo_search_cache_total{{{_instance()}}}[$__rate_interval]))",
                    "{{outcome}}",
                ),
            ),
            "Few hits while callers page and filter: raise embedding_cache_entries.",
            stacked=True,
            highest=1,
        ),
        Panel(
            "Score of the best hit",
            "none",
            quantiles("sketchzoo_search_top_score", shares="0.1 0.5 0.9"),
            "A fall without a new model: callers draw something else, or photos are missing. "
            f"After a new model: compare its card. {_RUNBOOK}#quality-drifts.",
        ),
        Panel(
            "Searches that find nothing",
            "percentunit",
            (
                Query(
                    f"sum(rate(sketchzoo_search_empty_total{{{_instance()}}}[$__rate_interval])) "
                    f"/ (sum(rate(sketchzoo_search_empty_total{{{_instance()}}}"
                    "[$__rate_interval])) + sum(rate(sketchzoo_search_top_score_count"
                    f"{{{_instance()}}}[$__rate_interval])))",
                    "empty",
                ),
            ),
            "Filters or min_score leave nothing: look which caller, and whether classes were "
            f"pruned. {_RUNBOOK}#quality-drifts.",
        ),
        Panel(
            "Share of hits by class",
            "percentunit",
            (
                Query(
                    'sketchzoo:search_class_hits:share_rate1h{class_name=~"$class"}',
                    "{{class_name}}",
                ),
            ),
            "One class far above its share of the photos draws hits that are not its own: look "
            f"at its photos for duplicates and drawings. {_RUNBOOK}#quality-drifts.",
            stacked=True,
        ),
        _MEMORY,
    ),
    classes=True,
)

ENCODER = Page(
    "encoder",
    "Encoder",
    "encoder",
    (
        Panel(
            "Busy",
            "percentunit",
            (Query(f"sketchzoo:encoder_busy:ratio_rate5m{{{_instance()}}}", "{{instance}}"),),
            "Near 1 for minutes the encoder is the limit: more cores or replicas. "
            f"{_RUNBOOK}#the-encoder-is-saturated.",
            highest=1,
        ),
        Panel(
            "Images waiting",
            "short",
            (gauge("sketchzoo_encoder_queue_length"),),
            "Grows and stays: more images come than are embedded. An ingest at the same time is "
            "the usual cause; its calls take turns with searches.",
        ),
        Panel(
            "Wait in the queue",
            "s",
            quantiles("sketchzoo_encoder_queue_seconds"),
            "p99 over what callers wait: lower queue_calls, so that more is refused sooner, and "
            "add workers.",
        ),
        Panel(
            "Images by outcome",
            "ops",
            (rate("sketchzoo_encoder_images_total", "modality, outcome"),),
            "Outcomes other than ok: a caller sends what is no image; its request ids are in the "
            "log.",
            stacked=True,
        ),
        Panel(
            "Images dropped, by reason",
            "ops",
            (rate("sketchzoo_encoder_dropped_total", "reason"),),
            "queue_full: overload. deadline: the queue is longer than callers' deadlines. "
            "cancelled: callers gave up, the work was saved.",
        ),
        Panel(
            "Inference",
            "s",
            quantiles("sketchzoo_encoder_inference_seconds", by="modality", shares="0.5 0.99"),
            "Higher than usual: more workers than real cores, or others use the cores.",
        ),
        Panel(
            "Decoding",
            "s",
            quantiles("sketchzoo_encoder_decode_seconds", shares="0.5 0.99"),
            "Near or over inference: callers send large files; shrink them before sending.",
        ),
        Panel(
            "Images in a run of the model",
            "short",
            (
                Query(
                    f"sum(rate(sketchzoo_encoder_batch_size_sum{{{_instance()}}}"
                    f"[$__rate_interval])) / sum(rate(sketchzoo_encoder_batch_size_count"
                    f"{{{_instance()}}}[$__rate_interval]))",
                    "mean",
                ),
            ),
            "Always 1 with onnx. With torch 1 under load: raise max_delay_seconds; at max_batch: "
            "raise that.",
        ),
        Panel(
            "Calls by code",
            "reqps",
            (rate("grpc_server_handled_total", "grpc_method, grpc_code"),),
            "RESOURCE_EXHAUSTED: the queue is full. INTERNAL: the model failed, read the log.",
            stacked=True,
        ),
        Panel(
            "Workers",
            "short",
            (
                gauge("sketchzoo_encoder_workers", "workers {{instance}}"),
                gauge("sketchzoo_encoder_busy_workers", "busy {{instance}}"),
            ),
            "Fewer workers than the container's cores: set ENCODER_CPUS, or workers.",
        ),
        _MEMORY,
    ),
)

INGEST = Page(
    "ingest",
    "Ingest",
    "ingest",
    (
        Panel(
            "Photos settled, by outcome",
            "ops",
            (rate("sketchzoo_ingest_photos_total", "outcome"),),
            "0 while the job runs: it is stalled, see the queues and retries. "
            f"{_RUNBOOK}#ingest-is-stalled.",
            stacked=True,
        ),
        Panel(
            "Photos settled since its start",
            "short",
            (
                Query(
                    f"sum by (outcome) (sketchzoo_ingest_photos_total{{{_instance()}}})",
                    "{{outcome}}",
                ),
            ),
            "refused grows: the next panel says why. All unchanged: the photos are there already.",
        ),
        Panel(
            "Photos refused, by reason",
            "short",
            (
                Query(
                    f"sum by (reason) (sketchzoo_ingest_refused_total{{{_instance()}}})",
                    "{{reason}}",
                ),
            ),
            f"docs/ingest.md lists the reasons; --errors-csv names the files. "
            f"{_RUNBOOK}#ingest-refuses-photos.",
        ),
        Panel(
            "p95 by stage",
            "s",
            quantiles("sketchzoo_ingest_stage_seconds", by="stage", shares="0.95"),
            "encode is usually the slowest. read: raise read_threads or fetch_at_once. write: "
            "Qdrant is slow.",
        ),
        Panel(
            "Queues",
            "short",
            (
                gauge("sketchzoo_ingest_read_queue_chunks", "to read"),
                gauge("sketchzoo_ingest_encode_queue_batches", "to embed"),
                gauge("sketchzoo_ingest_write_queue_batches", "to write"),
            ),
            "to embed always 0: reading is slow. to write always full: Qdrant is slow.",
        ),
        Panel(
            "Photos held in memory",
            "bytes",
            (gauge("sketchzoo_ingest_buffer_bytes", "held"),),
            "At buffer_bytes with nothing to embed: raise it.",
        ),
        Panel(
            "Bytes read",
            "Bps",
            (
                Query(
                    f"sum(rate(sketchzoo_ingest_read_bytes_total{{{_instance()}}}"
                    "[$__rate_interval]))",
                    "read",
                ),
            ),
            "Far under the disk's or the network's speed is normal: the encoder is the limit.",
        ),
        Panel(
            "Calls made again",
            "ops",
            (rate("sketchzoo_ingest_retries_total", "part, code"),),
            "RESOURCE_EXHAUSTED without end: fewer calls_in_flight. UNAVAILABLE: that part is "
            "away; after patience_seconds the job ends with status 4.",
        ),
        _MEMORY,
    ),
)

QDRANT = Page(
    "qdrant",
    "Qdrant",
    "search|ingest|qdrant",
    (
        Panel(
            "Calls as search and ingest see them, p99",
            "s",
            quantiles("sketchzoo_qdrant_call_seconds", by="method", shares="0.99"),
            "query_points over 50 ms: is the index built (below), does the collection fit into "
            "memory, is an ingest running?",
        ),
        Panel(
            "Calls as search and ingest see them, p50",
            "s",
            quantiles("sketchzoo_qdrant_call_seconds", by="method", shares="0.5"),
            "Much lower than p99: some queries are slow, look for exact or filtered ones. Both "
            "high: Qdrant or the way to it.",
        ),
        Panel(
            "Calls by method and code",
            "reqps",
            (
                Query(
                    f"sum by (method, code) (rate(sketchzoo_qdrant_call_seconds_count"
                    f"{{{_instance()}}}[$__rate_interval]))",
                    "{{method}} {{code}}",
                ),
            ),
            "UNAVAILABLE: Qdrant is away. UNAUTHENTICATED: the API key is not the one it was "
            f"started with. NOT_FOUND: a collection was dropped. {_RUNBOOK}#qdrant-fails.",
        ),
        Panel(
            "Server: answers by endpoint and status",
            "reqps",
            (rate("grpc_responses_total", "endpoint, status"),),
            "Statuses other than 0 are failures (gRPC's numbers). Empty with embedded Qdrant.",
        ),
        Panel(
            "Server: p99 by endpoint",
            "s",
            quantiles("grpc_responses_duration_seconds", by="endpoint", shares="0.99"),
            "Far below what search sees: the way there or search's event loop is slow. Empty "
            "with embedded Qdrant.",
        ),
        Panel(
            "Server: points by collection",
            "short",
            (gauge("collection_points", "{{id}}"),),
            "Fewer than before: an ingest with --prune, or the wrong collection behind the "
            "alias. Empty with embedded Qdrant.",
        ),
        Panel(
            "Server: memory",
            "bytes",
            (gauge("memory_resident_bytes"),),
            "Near QDRANT_MEMORY: raise it, quantize, or keep vectors on disk; see "
            "docs/operations/size.md. Empty with embedded Qdrant.",
        ),
        Panel(
            "Embedded: points and indexed points",
            "short",
            (
                gauge("sketchzoo_qdrant_points", "points {{collection}}"),
                gauge("sketchzoo_qdrant_indexed_points", "indexed {{collection}}"),
            ),
            "Far fewer indexed than stored, for long after an ingest: index builds fail, see the "
            "next panels and the log. Empty with a server.",
        ),
        Panel(
            "Embedded: writes waiting",
            "short",
            (
                gauge("sketchzoo_qdrant_waiting_writes", "waiting {{collection}}"),
                gauge("sketchzoo_qdrant_journaled_writes", "journaled {{collection}}"),
            ),
            "Waiting grows: the disk is slow. Journaled grows only while an index is built. "
            "Empty with a server.",
        ),
        Panel(
            "Embedded: index builds",
            "short",
            (
                gauge("sketchzoo_qdrant_index_building", "building {{collection}}"),
                Query(
                    f"sum by (outcome) (sketchzoo_qdrant_index_builds_total{{{_instance()}}})",
                    "{{outcome}}",
                ),
            ),
            "Outcomes other than done: the log says why a build was given up. Empty with a server.",
        ),
    ),
)

PAGES = (SEARCH, ENCODER, INGEST, QDRANT)
_COLUMNS = 24
_HEIGHT = 8


def build(page: Page) -> str:
    """Return a dashboard's JSON."""
    made = (
        dashboard.Dashboard(f"SketchZoo: {page.title}")
        .uid(f"sketchzoo-{page.name}")
        .tags(["sketchzoo", "generated"])
        .description("Made by scripts/dashboards.py: change it there.")
        .refresh("30s")
        .time("now-6h", "now")
        .timezone("browser")
        .readonly()
        .with_variable(
            _variable("instance", "Instance", f'label_values(up{{job=~"{page.jobs}"}}, instance)')
        )
    )
    if page.classes:
        query = "label_values(sketchzoo_search_class_hits_total, class_name)"
        made = made.with_variable(_variable("class", "Class", query))
    for panel in page.panels:
        made = made.with_panel(_panel(panel, page.jobs))
    written = json.loads(JSONEncoder().encode(made.build()))
    return json.dumps(_without_nulls(written), sort_keys=True, indent=2) + "\n"


def _without_nulls(value: Any) -> Any:
    """Leave out what is unset: Grafana takes its default only for what is not there."""
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_without_nulls(each) for each in value]
    return value


def _variable(name: str, label: str, query: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .query(query)
        .datasource(SOURCE)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .include_all(include_all=True)
        .all_value(".*")
        .multi(multi=True)
    )


def _panel(panel: Panel, jobs: str) -> stat.Panel | timeseries.Panel:
    single = panel.good_from is not None
    made: stat.Panel | timeseries.Panel = stat.Panel() if single else timeseries.Panel()
    width = _COLUMNS // 3 if single else _COLUMNS // 2
    made = (
        made.title(panel.title)
        .description(panel.wrong)
        .unit(panel.unit)
        .datasource(SOURCE)
        .span(width)
        .height(_HEIGHT // 2 if single else _HEIGHT)
    )
    if isinstance(made, timeseries.Panel):
        made = made.min(0).legend(
            common.VizLegendOptions()
            .show_legend(show_legend=True)
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
        )
        if panel.stacked:
            made = made.stacking(common.StackingConfig().mode(StackingMode.NORMAL)).fill_opacity(30)
    else:
        steps = [Threshold(color="red"), Threshold(value=panel.good_from, color="green")]
        made = made.thresholds(
            dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
        )
    if panel.highest is not None:
        made = made.max(panel.highest)
    for number, query in enumerate(panel.queries):
        # Every instance means those of the page's own jobs.
        expr = query.expr.replace(_instance(), f'job=~"{jobs}",{_instance()}')
        target = prometheus.Dataquery().expr(expr).ref_id(chr(ord("A") + number))
        target = target.legend_format(query.legend).datasource(SOURCE)
        if query.exemplar:
            target = target.exemplar(exemplar=True)
        made = made.with_target(target)
    return made


def main() -> None:
    """Write the dashboards, or end with status 1 if they are not what is listed here."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for page in PAGES:
        path = FOLDER / f"{page.name}.json"
        text = build(page)
        if "--check" not in sys.argv[1:]:
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            sys.exit(f"{path} is not what is listed: run python {sys.argv[0]}")


if __name__ == "__main__":
    main()
