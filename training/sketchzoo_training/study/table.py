"""The study's table in Markdown: every experiment, run here or not."""

from collections.abc import Sequence

from sketchzoo_training.study.original import FIGURES
from sketchzoo_training.study.results import Result, labels

COLUMNS = (
    "experiment",
    "classes",
    "original study's P@12",
    "P@12 by cosine (95 %)",
    "P@12 by Euclid (95 %)",
    "most possible",
    "by source",
    "mAP@all",
    "val P@12 (95 %)",
    "steps",
    "CPU minutes",
    "ms a sketch",
    "model",
)
NOT_RUN = "not run here"


def table(results: Sequence[Result], class_sets: Sequence[tuple[str, ...]]) -> str:
    """Return the table: the original experiments on these classes, then all other rows."""
    named = labels(results)
    rows = {row.identity: _row(named[row.identity], row) for row in sorted(results, key=_order)}
    lines = []
    for figure in FIGURES:
        classes = next((one for one in class_sets if figure.is_of(one)), None)
        if classes is None:
            continue
        repeated = [row for row in results if row.name == figure.preset and row.classes == classes]
        cells = [rows.pop(row.identity) for row in repeated] or [
            [figure.preset, str(len(classes)), "", NOT_RUN]
        ]
        for cell in cells:
            cell[2] = f"{figure.p_at_12:.2f}"
        lines += cells
    lines = [list(COLUMNS), ["-"] * len(COLUMNS), *lines, *rows.values()]
    return "".join(f"| {' | '.join(_filled(line))} |\n" for line in lines)


def _order(row: Result) -> tuple[int, str, str]:
    return len(row.classes), row.name, row.recipe


def _row(label: str, row: Result) -> list[str]:
    changed = f" ({', '.join(f'`{change}`' for change in row.changes)})" if row.changes else ""
    cells = [f"{label}{changed}", str(len(row.classes)), ""]
    if row.measured is None:
        return [*cells, row.failure]
    measured = row.measured
    return [
        *cells,
        str(measured.p_at_12),
        str(measured.euclidean or ""),
        f"{measured.possible:.3f}",
        ", ".join(f"{source} {value:.2f}" for source, value in measured.per_source.items()),
        f"{measured.m_ap:.3f}",
        str(measured.validation),
        str(row.steps or ""),
        str(row.cpu_minutes or ""),
        f"{measured.milliseconds:.1f}",
        row.model,
    ]


def _filled(cells: list[str]) -> list[str]:
    # A bar in a name would end its cell.
    return [*(cell.replace("|", "\\|") for cell in cells), *[""] * (len(COLUMNS) - len(cells))]
