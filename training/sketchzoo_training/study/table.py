"""The study's table in Markdown: every experiment, run here or not."""

from collections.abc import Sequence

from sketchzoo_training.recipes.settings import preset_names
from sketchzoo_training.study.experiments import Result
from sketchzoo_training.study.figures import FIGURES

HEADER = (
    "| experiment | study's P@12 | P@12 here (95 %) | by source | mAP@all | val P@12 "
    "| steps | CPU minutes | ms a sketch |\n"
    "|-|-|-|-|-|-|-|-|-|\n"
)
NOT_RUN = "not run here"


def table(results: Sequence[Result]) -> str:
    """Return the table; the study's experiments first, then what was measured beside them."""
    studied = {figure.preset: figure.p_at_12 for figure in FIGURES}
    measured = {result.name: result for result in results}
    names = [*studied, *(n for n in preset_names() if n.startswith("lite0/") and n not in studied)]
    names += sorted(name for name in measured if name not in names)
    return HEADER + "".join(_row(name, studied.get(name), measured.get(name)) for name in names)


def _row(name: str, studied: float | None, result: Result | None) -> str:
    before = f"{studied:.2f}" if studied is not None else ""
    if result is None:
        return f"| {name} | {before} | {NOT_RUN} | | | | | | |\n"
    low, high = result.interval
    sources = ", ".join(f"{source} {value:.2f}" for source, value in result.per_source.items())
    return (
        f"| {name} | {before} | {result.p_at_12:.3f} ({low:.2f}-{high:.2f}) | {sources} "
        f"| {result.m_ap:.3f} | {result.validation:.3f} | {result.steps or ''} "
        f"| {result.cpu_minutes or ''} | {result.milliseconds:.1f} |\n"
    )
