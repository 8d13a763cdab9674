"""A model that was imported as the tests of importing do it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from model_artefact.importing import Plan, Side, Square, make
from model_artefact.source import Source
from model_artefact.tower import Pixels
from sketchzoo.model import ModelArtefact
from tests.unit.model_artefact.exports import (
    SIZE,
)

HALF = Pixels((0.5,), (0.5,), SIZE)
CROP = Square("crop")


def imported(source: Source | Path, out: Path, **other: Any) -> ModelArtefact:
    """Import one graph for both modalities, sketches letterboxed."""
    source = Source(source) if isinstance(source, Path) else source
    pixels = other.pop("pixels", HALF)
    plan = Plan("tiny", Side(source, pixels, CROP), Square("letterbox"))
    make(replace(plan, **other), out)
    return ModelArtefact.load(out)
