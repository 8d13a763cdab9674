"""Panels and pages: what the dashboards are listed as, and the expressions they share."""

from dataclasses import dataclass

RUNBOOK = "docs/operations/runbook.md"
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
            f"(rate({metric}_bucket{{{instance(more)}}}[$__rate_interval])))",
            f"p{float(share) * 100:g}" + (f" {{{{{by}}}}}" if by else ""),
            exemplar=metric in _TRACED,
        )
        for share in shares.split()
    )


def rate(metric: str, by: str, more: str = "") -> Query:
    """Return a counter's rate a second, by labels."""
    legend = " ".join(f"{{{{{label.strip()}}}}}" for label in by.split(","))
    return Query(f"sum by ({by}) (rate({metric}{{{instance(more)}}}[$__rate_interval]))", legend)


def gauge(metric: str, legend: str = "{{instance}}", more: str = "") -> Query:
    """Return a gauge as it is."""
    return Query(f"{metric}{{{instance(more)}}}", legend)


def instance(more: str = "") -> str:
    """Return the condition that the chosen instances meet, and `more` beside it."""
    return f'instance=~"$instance"{"," + more if more else ""}'


MEMORY = Panel(
    "Memory",
    "bytes",
    (gauge("process_resident_memory_bytes"),),
    "Near the limit of the container (docker-compose.yml): raise it, or lower what the part may "
    "hold (queues, caches, concurrent calls). Steady growth without load is a leak: report it "
    "with the version, and restart the part.",
)
