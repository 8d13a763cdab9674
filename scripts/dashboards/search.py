"""Search: is it there, how fast, how good are its answers."""

from scripts.dashboards.panels import MEMORY, RUNBOOK, Page, Panel, Query, instance, quantiles, rate

_TOTAL = 'stage="total"'


def _spent(equal: str) -> str:
    """Return the seconds a second that searches spent in all, or in what is not all."""
    more = _TOTAL.replace("=", equal)
    return f"sum(rate(sketchzoo_search_stage_seconds_sum{{{instance(more)}}}[$__rate_interval]))"


PAGE = Page(
    "search",
    "Search",
    "search",
    (
        Panel(
            "Ready",
            "none",
            (Query(f"max(sketchzoo_search_ready{{{instance()}}})", "ready"),),
            "0: no search service can answer. Look at the next panel for the reason, then "
            f"{RUNBOOK}#search-is-not-ready.",
            good_from=1,
        ),
        Panel(
            "Error budget left, 3 days (availability)",
            "percentunit",
            (Query("1 - sketchzoo:search_errors:ratio_rate3d / 0.005", "left"),),
            "Below 0 more searches failed in three days than the objective of 99.5 % allows: stop "
            f"risky changes and find the code that fails. {RUNBOOK}#searches-fail.",
            good_from=0,
        ),
        Panel(
            "Error budget left, 3 days (latency)",
            "percentunit",
            (Query("1 - sketchzoo:search_slow:ratio_rate3d / 0.01", "left"),),
            "Below 0 more than 1 % of the searches of three days took over 0.25 s: find the slow "
            f"stage below. {RUNBOOK}#searches-are-slow.",
            good_from=0,
        ),
        Panel(
            "Why not ready",
            "none",
            (Query(f"max by (reason) (sketchzoo_search_not_ready{{{instance()}}})", "{{reason}}"),),
            "away: look at the encoder and Qdrant. no_gallery: ingest photos. model_mismatch: "
            f"{RUNBOOK}#model-mismatch. denied, unimplemented: {RUNBOOK}#search-is-not-ready. "
            "other: read the search service's log.",
            highest=1,
        ),
        Panel(
            "Encoders that answer",
            "none",
            (
                Query(
                    f"min by (encoder) (sketchzoo_search_encoder_ready{{{instance()}}})",
                    "{{encoder}}",
                ),
            ),
            "0 where a gallery needs that encoder: its searches are UNAVAILABLE. 0 of an encoder "
            "that is started only while a new model comes is no fault.",
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
                    f"sketchzoo_search_stage_seconds_count{{{instance(_TOTAL)}}}"
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
                    f"sketchzoo_search_places_taken{{{instance()}}} / sketchzoo_search_places",
                    "{{kind}} {{instance}}",
                ),
            ),
            "Near 1 calls are refused. If the encoder is idle, raise max_wait_seconds; if it is "
            f"busy, add encoders. {RUNBOOK}#search-is-saturated.",
            highest=1,
        ),
        Panel(
            "Embedding cache",
            "percentunit",
            (
                Query(
                    f"sum by (outcome) (rate(sketchzoo_search_cache_total{{{instance()}}}"
                    "[$__rate_interval])) / ignoring (outcome) group_left "
                    f"sum(rate(sketchzoo_search_cache_total{{{instance()}}}[$__rate_interval]))",
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
            f"After a new model: compare its card. {RUNBOOK}#quality-drifts.",
        ),
        Panel(
            "Searches that find nothing",
            "percentunit",
            (
                Query(
                    f"sum(rate(sketchzoo_search_empty_total{{{instance()}}}[$__rate_interval])) "
                    f"/ (sum(rate(sketchzoo_search_empty_total{{{instance()}}}"
                    "[$__rate_interval])) + sum(rate(sketchzoo_search_top_score_count"
                    f"{{{instance()}}}[$__rate_interval])))",
                    "empty",
                ),
            ),
            "Filters or min_score leave nothing: look which caller, and whether classes were "
            f"pruned. {RUNBOOK}#quality-drifts.",
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
            f"at its photos for duplicates and drawings. {RUNBOOK}#quality-drifts.",
            stacked=True,
        ),
        MEMORY,
    ),
    classes=True,
)
