"""Plotting: colours that everyone tells apart, and letters that every name has.

Colours are Okabe and Ito's (https://jfly.uni-koeln.de/color/). Letters are DejaVu's, which
come with matplotlib and have umlauts, and for other scripts those of any font installed
here; a character that none of them has is written as its code point.
"""

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler
from PIL import Image, ImageFont

from sketchzoo.images import Modality

BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY, YELLOW, BLACK = OKABE_ITO = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#E69F00",
    "#CC79A7",
    "#56B4E9",
    "#F0E442",
    "#000000",
)
COLOURS = {Modality.PHOTO: BLUE, Modality.SKETCH: VERMILLION}
_BASE = "DejaVu Sans"
_NO_LETTERS = ("Last Resort", "Noto Color", "Apple Color")  # boxes, and bitmaps of one size


@contextmanager
def chart_style(names: Iterable[str] = ()) -> Iterator[None]:
    """Draw the charts within in these colours, with fonts for these names; `$` is a letter."""
    families = dict.fromkeys([_BASE, *(font.name for font in _fonts("".join(names)))])
    settings: dict[Any, Any] = {
        "font.family": list(families),
        "text.parse_math": False,
        "axes.prop_cycle": cycler(color=OKABE_ITO),
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.alpha": 0.3,
        "savefig.dpi": 110,
        "figure.constrained_layout.use": True,
    }
    with mpl.rc_context(settings):
        yield


def legible(text: str) -> str:
    """Return a text with the characters that no font here has as code points, `<U+732B>`."""
    having = set(map(ord, text)).difference(_missing(text))
    return "".join(c if ord(c) in having else f"<U+{ord(c):04X}>" for c in text)


def letters(text: str, size: int) -> tuple[ImageFont.FreeTypeFont, str]:
    """Return one font for Pillow, and the text in what this font has of it."""
    best = max(_fonts(text), key=lambda font: len(set(map(ord, text)) & _charmap(font.fname)))
    has = _charmap(best.fname)
    written = "".join(c if ord(c) in has else f"<U+{ord(c):04X}>" for c in text)
    return _truetype(best.fname, size), written


def png(picture: Figure | Image.Image) -> bytes:
    """Return a chart or an image as a PNG file's bytes."""
    file = io.BytesIO()
    if isinstance(picture, Figure):
        picture.savefig(file, format="png")
    else:
        picture.save(file, "PNG")
    return file.getvalue()


def _fonts(text: str) -> list[font_manager.FontEntry]:
    """Return the fonts that have a text's characters between them, DejaVu first."""
    every = [e for e in font_manager.fontManager.ttflist if not e.name.startswith(_NO_LETTERS)]
    chosen = [next(e for e in every if e.name == _BASE and (e.style, e.weight) == ("normal", 400))]
    missing = set(map(ord, text)) - _charmap(chosen[0].fname)
    for entry in every if missing else ():
        if entry.style == "normal" and missing & _charmap(entry.fname):
            chosen.append(entry)
            missing -= _charmap(entry.fname)
    return chosen


def _missing(text: str) -> set[int]:
    found = set(map(ord, text))
    return found.difference(*(_charmap(font.fname) for font in _fonts(text)))


@cache
def _charmap(path: str) -> frozenset[int]:
    return frozenset(font_manager.get_font(path).get_charmap())


@cache
def _truetype(path: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size)
