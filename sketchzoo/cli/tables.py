"""Tables: with boxes where they fit on a terminal, plain columns anywhere else."""

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

_GAP = "  "
_BOUNDLESS = 1_000_000


def show(console: Console, table: Table) -> None:
    """Print a table and cut nothing: a URI stays whole, to be clicked, copied or piped."""
    boundless = console.options.update(width=_BOUNDLESS)
    # Of columns that may wrap their longest word counts, of the others all.
    needed = console.measure(table, options=boundless).minimum
    if console.is_terminal and needed <= console.width:
        console.print(table)
        return
    for line in _lines(table):
        console.out(line, highlight=False)


def _lines(table: Table) -> list[str]:
    """Return title, names of columns, rows and caption, without blanks at a line's end."""
    columns = [[_plain(cell) for cell in column.cells] for column in table.columns]
    if table.show_header:
        for column, cells in zip(table.columns, columns, strict=True):
            cells.insert(0, _plain(column.header))
    padded = [
        _padded(cells, right=column.justify == "right")
        for column, cells in zip(table.columns, columns, strict=True)
    ]
    lines = [_GAP.join(row).rstrip() for row in zip(*padded, strict=True)]
    title, caption = _plain(table.title or ""), _plain(table.caption or "")
    return [line for line in (title, *lines, *caption.splitlines()) if line]


def _padded(cells: list[str], *, right: bool) -> list[str]:
    """Return cells of one width, as a terminal counts it: some characters take two places."""
    width = max(map(cell_len, cells), default=0)
    blanks = [" " * (width - cell_len(cell)) for cell in cells]
    return [b + c if right else c + b for b, c in zip(blanks, cells, strict=True)]


def _plain(cell: RenderableType) -> str:
    return cell.plain if isinstance(cell, Text) else Text.from_markup(str(cell)).plain
