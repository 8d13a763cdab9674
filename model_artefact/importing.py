"""Importing: an artefact made of encoders that others exported, whole or not at all."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from model_artefact.card import card, licence_of
from model_artefact.checking import Promise, check
from model_artefact.folder import made_aside
from model_artefact.source import Source
from model_artefact.text import TextSource, adopt_text
from model_artefact.tower import Adopted, Pixels, adopt
from sketchzoo.fingerprint import fingerprint
from sketchzoo.images import Modality, Preprocessing
from sketchzoo.model import ModelArtefact
from sketchzoo.model_error import ModelError
from sketchzoo.parts import Layout
from sketchzoo.tower_config import TowerConfig


@dataclass(frozen=True, slots=True)
class Square:
    """How oblong images become square: `Preprocessing`'s own fields."""

    fit: Literal["crop", "letterbox", "ink"]
    keep: float = 1.0
    pen: int = 5

    def of(self, preprocessing: Preprocessing) -> Preprocessing:
        """Return a tower's preprocessing with these.

        Raises:
            ModelError: one of them is nonsense.

        """
        try:
            return replace(preprocessing, fit=self.fit, keep=self.keep, pen=self.pen)
        except ValueError as error:
            raise ModelError(str(error)) from error


@dataclass(frozen=True, slots=True)
class Side:
    """One modality's tower: its graph, its pixels' scale and its square."""

    source: Source
    pixels: Pixels
    square: Square


@dataclass(frozen=True, slots=True)
class Plan:
    """What an artefact is made of; without a source of its own a sketch goes the photos' way.

    `licence` is what was said of the weights' terms: a text, or a file's name.
    """

    name: str
    photo: Side
    sketch: Side | Square
    text: TextSource | None = None
    licence: str | None = None


def make(plan: Plan, out: Path) -> tuple[ModelArtefact, list[Promise]]:
    """Make an artefact in the folder `out`, which must not hold anything yet.

    Raises:
        FolderError: it does.
        ModelError: a file can't be used, or the artefact would break a promise.

    """
    licence = licence_of(plan.licence)
    with made_aside(out) as folder:
        photo = adopt(plan.photo.source, plan.photo.pixels, folder, "photo")
        towers = {Modality.PHOTO: _tower("photo", photo, plan.photo.square, "photo")}
        if isinstance(plan.sketch, Side):
            sketch = adopt(plan.sketch.source, plan.sketch.pixels, folder, "sketch")
            if sketch.dimension != photo.dimension:
                raise ModelError(
                    f"{plan.sketch.source.path} answers {sketch.dimension} values and "
                    f"{plan.photo.source.path} {photo.dimension}: both must be of one space"
                )
            towers[Modality.SKETCH] = _tower("sketch", sketch, plan.sketch.square, "sketch")
        else:
            towers[Modality.SKETCH] = _tower("sketch", photo, plan.sketch, "photo")
        text = adopt_text(plan.text, folder, photo.dimension) if plan.text else None
        artefact = ModelArtefact(
            folder=folder,
            name=plan.name,
            dimension=photo.dimension,
            towers=towers,
            fingerprint=fingerprint(folder, towers.values()),
            layout=Layout.whole(photo.dimension),
            notes={"licence": plan.licence},
            text=text,
        )
        artefact.save_config()
        (folder / "LICENSE").write_text(f"{licence.strip()}\n")
        (folder / "MODEL_CARD.md").write_text(card(artefact, licence))
        promises = list(check(folder))
        broken = [promise for promise in promises if not promise.is_kept]
        if broken:
            said = "; ".join(f"{each.of}: {each.what}: {each.found}" for each in broken)
            raise ModelError(f"nothing was made: {said.replace(str(folder), str(out))}")
    return replace(artefact, folder=out), promises


def _tower(name: str, adopted: Adopted, square: Square, stem: str) -> TowerConfig:
    return TowerConfig(name, square.of(adopted.preprocessing), adopted.network, stem)
