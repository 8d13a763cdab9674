"""A section of the report: figures in a table, and the bars that they are held to."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.bar import Bar


@dataclass(slots=True)
class Section:
    """What one benchmark measured."""

    title: str
    columns: Sequence[str] = ()
    rows: list[Sequence[str | float]] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    # Named figures for the JSON and the plot.
    figures: dict[str, Any] = field(default_factory=dict)

    def markdown(self) -> str:
        """Return the section as Markdown."""
        lines = [f"## {self.title}", ""]
        if self.rows:
            lines += [_line(self.columns), _line(["---"] * len(self.columns))]
            lines += [_line([_cell(value) for value in row]) for row in self.rows]
            lines.append("")
        lines += [f"- {note}" for note in self.notes]
        lines += [f"- `{bar}`" for bar in self.bars]
        return "\n".join([*lines, ""])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"
