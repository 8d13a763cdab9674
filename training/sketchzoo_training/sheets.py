"""Contact sheets: rows of small pictures, each row with its label, each picture with a caption."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageOps

from sketchzoo_training.data import ImageFile
from sketchzoo_training.plotting import letters

_GAP = 6
_LETTERS, _LINE = 12, 16
_MOST_LABEL = 460  # pixels
_INK = "#222222"


@dataclass(frozen=True, slots=True)
class Cell:
    """A picture on a sheet: its caption below, and the colour that frames both."""

    file: ImageFile
    caption: str = ""
    colour: str = _INK


@dataclass(frozen=True, slots=True)
class Row:
    """Some pictures side by side; the label's lines stand at their left."""

    label: str
    cells: Sequence[Cell]


def draw_sheet(title: str, rows: Sequence[Row], *, side: int = 96) -> Image.Image:
    """Draw rows of pictures of `side` pixels below a title that says what they are."""
    lines = [line for row in rows for line in row.label.splitlines()]
    label = min(_MOST_LABEL, max((_length(line) for line in lines), default=0)) + 2 * _GAP
    caption = _LINE if any(cell.caption for row in rows for cell in row.cells) else 0
    height = side + caption + _GAP
    top = _LINE + 2 * _GAP
    columns = max((len(row.cells) for row in rows), default=0)
    width = max(label + columns * (side + _GAP), _length(title) + 2 * _GAP)
    sheet = Image.new("RGB", (width, top + len(rows) * height), "white")
    draw = ImageDraw.Draw(sheet)
    _write(draw, (_GAP, _GAP), title, _INK, width)
    for number, row in enumerate(rows):
        y = top + number * height
        for line, text in enumerate(row.label.splitlines()):
            _write(draw, (_GAP, y + line * _LINE), text, _INK, label - 2 * _GAP)
        for column, cell in enumerate(row.cells):
            x = label + column * (side + _GAP)
            sheet.paste(_framed(cell, side), (x, y))
            _write(draw, (x, y + side), cell.caption, cell.colour, side)
    return sheet


def _framed(cell: Cell, side: int) -> Image.Image:
    inner = ImageOps.pad(cell.file.load(), (side - 6, side - 6), color="white")
    framed = Image.new("RGB", (side, side), cell.colour)
    framed.paste("white", (2, 2, side - 2, side - 2))
    framed.paste(inner, (3, 3))
    return framed


def _length(text: str) -> int:
    font, written = letters(text, _LETTERS)
    return round(font.getlength(written)) + 1


def _write(
    draw: ImageDraw.ImageDraw, place: tuple[int, int], text: str, colour: str, width: int
) -> None:
    """Write a line, cut with an ellipsis where it is wider than `width` pixels."""
    font, written = letters(text, _LETTERS)
    if font.getlength(written) > width:
        while written and font.getlength(written + "…") > width:
            written = written[:-1]
        written += "…"
    draw.text(place, written, fill=colour, font=font)
