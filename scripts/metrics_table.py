"""Write docs/metrics.md from the metrics that the parts register; `--check` compares.

python scripts/metrics_table.py [--check]
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import Metric

from embedded_qdrant.metrics import CollectionMetrics
from encoder_service.metrics import EncoderMetrics
from live_demo.metrics import LiveMetrics
from search_service.metrics import SearchMetrics
from sketchzoo.qdrant.metrics import QdrantMetrics
from sketchzoo.rpc.metrics import CallMetrics
from sketchzoo.telemetry import build_info
from sketchzoo_ingest.gallery_service.metrics import GalleryMetrics
from sketchzoo_ingest.metrics import WATCHED, IngestMetrics

PAGE = Path(__file__).parent.parent / "docs" / "metrics.md"

_HEAD = """# Metrics

Every metric that a part shows on its `/metrics` page, made from the code by
`python scripts/metrics_table.py`; a test compares the two. Ports:
encoder 9101, search 9102, live page 9103, ingest 9104 and gallery 9105 in the images (unset by
default for live page and ingest), embedded Qdrant where `--metrics-port` says. A Qdrant server has
[its own](https://qdrant.tech/documentation/guides/monitoring/).

- Histograms have `_bucket`, `_sum` and `_count` series; times are in seconds.
- Labels take few values: codes, methods, stages and reasons from the code, classes from the
  gallery (at most 256, the rest is `(other)`), collections (at most 20).
- Where [traces](operations/traces.md) are on, buckets of `grpc_server_handling_seconds`,
  `sketchzoo_search_stage_seconds` and `sketchzoo_qdrant_call_seconds` carry exemplars with
  the `trace_id` (OpenMetrics; start Prometheus with `--enable-feature=exemplar-storage`), but not
  where several processes answer on one port and the page
  is [the sum of theirs](operations/monitoring.md).
- A series appears when its labels are first used: no series means it has not happened yet.

What to do about them: [the runbook](operations/runbook.md). Which one tunes which setting:
[the encoder's page](encoder.md), [search's](search.md), [ingest's](ingest.md).
"""


def main() -> None:
    """Write the page, or end with status 1 if it is not what the code says."""
    text = page()
    if "--check" in sys.argv[1:]:
        if not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != text:
            sys.exit(f"{PAGE} is not what the code says: run python {sys.argv[0]}")
        return
    PAGE.write_text(text, encoding="utf-8")


def page() -> str:
    """Return the page."""
    lines = [_HEAD]
    common = set(described(PARTS["Every part"]))
    for title, register in PARTS.items():
        own = set(described(register))
        if own != common:
            own -= common
        lines += [f"## {title}", "", "| metric | type | labels | meaning |", "|---|---|---|---|"]
        lines += [_row(*entry) for entry in sorted(own)]
        lines.append("")
    return "\n".join(lines)


def described(
    register: Callable[[CollectorRegistry], object],
) -> Iterator[tuple[str, str, tuple[str, ...], str]]:
    """Yield name, type, labels and meaning of each metric that `register` registers."""
    registry = CollectorRegistry()
    register(registry)
    for collector in list(registry._collector_to_names):  # noqa: SLF001 - there is no public way
        if isinstance(collector, MetricWrapperBase):
            yield _entry(
                collector._name,  # noqa: SLF001 - as above
                collector._type,  # noqa: SLF001 - as above
                collector._labelnames,  # noqa: SLF001 - as above
                collector._documentation,  # noqa: SLF001 - as above
            )
            continue
        for family in collector.collect():
            yield _entry(family.name, family.type, _labels(family), family.documentation)


def _entry(
    name: str, kind: str, labels: tuple[str, ...], meaning: str
) -> tuple[str, str, tuple[str, ...], str]:
    return f"{name}_total" if kind == "counter" else name, kind, tuple(labels), meaning


def _labels(family: Metric) -> tuple[str, ...]:
    names = dict.fromkeys(label for sample in family.samples for label in sample.labels)
    return tuple(getattr(family, "_labelnames", names)) or tuple(names)


def _row(name: str, kind: str, labels: tuple[str, ...], meaning: str) -> str:
    shown = ", ".join(f"`{label}`" for label in labels if label != "le")
    return f"| `{name}` | {kind} | {shown} | {meaning} |"


def _encoder(registry: CollectorRegistry) -> None:
    EncoderMetrics(registry).watch(workers=1, busy=lambda: 0, queue_length=lambda: 0)


def _ingest(registry: CollectorRegistry) -> None:
    metrics = IngestMetrics(registry)
    for name, unit in WATCHED:
        metrics.watch(name, unit, lambda: 0)


PARTS: dict[str, Callable[[CollectorRegistry], object]] = {
    "Every part": lambda registry: build_info(registry, "any"),
    "Every gRPC server: encoder, search, gallery, embedded Qdrant": CallMetrics,
    "Search": SearchMetrics,
    "Encoder": _encoder,
    "Callers of Qdrant: search, gallery and ingest": QdrantMetrics,
    "Ingest; the gallery service has them too, but for queues and buffer": _ingest,
    "Gallery": GalleryMetrics,
    "Live page": LiveMetrics,
    "Embedded Qdrant": lambda registry: CollectionMetrics(registry, list),
}

if __name__ == "__main__":
    main()
