"""The contact sheet: a picture of queries and what they found, query left, hits right."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont, ImageOps

_TILE = 128
_GAP = 6
_CAPTION = 18
_PER_ROW = 12
_PAPER = "#ffffff"
_INK = "#1c2430"
_RIGHT = "#1a7f4b"
_WRONG = "#c2410c"


@dataclass(frozen=True, slots=True)
class Tile:
    """A picture with a caption; `right` tells whether it is of the query's class, if known."""

    image: Image.Image
    caption: str
    right: bool | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A query and its hits, best first."""

    query: Tile
    hits: Sequence[Tile]


def contact_sheet(rows: Sequence[Row]) -> Image.Image:
    """Draw the rows one below the other, twelve hits a line: RGB.

    A hit's frame is green where it is of the query's class, orange where it is not.
    """
    if not rows:
        raise ValueError("rows must hold at least one query")
    lines = [max(1, -(-len(row.hits) // _PER_ROW)) for row in rows]
    step, height = _TILE + _GAP, _TILE + _CAPTION + _GAP
    width = step * (_PER_ROW + 1) + 3 * _GAP
    sheet = Image.new("RGB", (width, sum(lines) * height + _GAP), _PAPER)
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(12)
    top = _GAP
    for row, count in zip(rows, lines, strict=True):
        _paste(sheet, pen, font, row.query, (_GAP, top))
        pen.line((step + _GAP, top, step + _GAP, top + count * height - _GAP), fill="#d0d7de")
        for index, hit in enumerate(row.hits):
            line, column = divmod(index, _PER_ROW)
            place = (step * (column + 1) + 2 * _GAP, top + line * height)
            _paste(sheet, pen, font, hit, place)
        top += count * height
    return sheet


def _paste(
    sheet: Image.Image,
    pen: ImageDraw.ImageDraw,
    font: ImageFont.ImageFont | ImageFont.FreeTypeFont,
    tile: Tile,
    place: tuple[int, int],
) -> None:
    left, top = place
    picture = ImageOps.pad(tile.image.convert("RGB"), (_TILE, _TILE), color=_PAPER)
    sheet.paste(picture, place)
    colour = {None: "#d0d7de", True: _RIGHT, False: _WRONG}[tile.right]
    line = 1 if tile.right is None else 3
    pen.rectangle((left, top, left + _TILE - 1, top + _TILE - 1), outline=colour, width=line)
    caption = tile.caption
    while len(caption) > 1 and pen.textlength(caption, font=font) > _TILE:
        caption = caption.removesuffix("…")[:-1] + "…"
    pen.text((left, top + _TILE + 2), caption, fill=_INK, font=font)
