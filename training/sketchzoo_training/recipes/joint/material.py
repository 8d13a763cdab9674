"""What a joint run learns from: drawings, photos, which belong together, what a model says."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from sketchzoo.images import Modality, Preprocessing
from sketchzoo.model import ModelArtefact
from sketchzoo_training.errors import ConfigError, DataError
from sketchzoo_training.recipes.joint.config import JointConfig
from sketchzoo_training.recipes.joint.network import class_tower
from sketchzoo_training.recipes.joint.pictures import Pictures, load_pictures
from sketchzoo_training.recipes.towers.augment import draw, unpack
from sketchzoo_training.recipes.towers.config import DataConfig, TowersConfig
from sketchzoo_training.recipes.towers.config import DrawingConfig as TowersDrawing
from sketchzoo_training.recipes.towers.drawings import (
    UNSEEN,
    Drawings,
    held_out_classes,
    load_drawings,
    pack_lines,
    same,
)
from sketchzoo_training.recipes.towers.kept import kept


@dataclass(frozen=True, slots=True)
class Material:
    """Drawings and photos whose classes bear the same numbers: `names`, shared ones first.

    `drawing_labels` number the drawings' classes so (-1: none), `pair` is the photo that a
    drawing is of, -1 where none is known. `photo_taught` and `sketch_taught` are the logits of
    the model that the run goes on from, float16 `(n, its classes)`. `asked` are the drawings of
    val and of unseen classes, and `asked_lines` their lines as service places them.
    """

    drawings: Drawings
    pictures: Pictures
    drawing_labels: npt.NDArray[np.int64] = field(repr=False)
    pair: npt.NDArray[np.intp] = field(repr=False)
    photo_taught: npt.NDArray[np.float16] = field(repr=False)
    sketch_taught: npt.NDArray[np.float16] = field(repr=False)
    asked: npt.NDArray[np.intp] = field(repr=False)
    asked_lines: npt.NDArray[np.uint8] = field(repr=False)
    names: tuple[str, ...]
    shared: int

    def placed(self, drawings: npt.NDArray[np.intp]) -> npt.NDArray[np.uint8]:
        """Return the lines of some of the `asked`, by their indexes among all drawings."""
        lines: npt.NDArray[np.uint8] = self.asked_lines[np.searchsorted(self.asked, drawings)]
        return lines

    def summary(self) -> dict[str, Any]:
        """Return what a run's record says of it."""
        content = hashlib.sha256()
        for part in (
            self.drawings.lines,
            self.drawing_labels,
            self.drawings.split,
            self.pictures.squares,
            self.pictures.labels,
            self.pictures.split,
            self.pair,
        ):
            content.update(np.ascontiguousarray(part).tobytes())
        return {
            "fingerprint": content.hexdigest()[:16],
            "classes": list(self.names),
            "drawings": len(self.drawing_labels),
            "photos": len(self.pictures.labels),
            "pairs": int((self.pair >= 0).sum()),
        }


def load_material(
    data: Path, config: JointConfig, artefact: ModelArtefact, cache: Path
) -> Material:
    """Read a folder with `zoo/` and perhaps `extra/`; `cache` keeps what takes minutes.

    Raises:
        DataError: the data cannot be used.
        ConfigError: the model that the run goes on from names other classes than the data.

    """
    cache.mkdir(parents=True, exist_ok=True)
    classes, how = _begun(artefact)
    unseen = frozenset(artefact.notes.get("unseen_classes", ()))
    towers = TowersConfig(
        seed=config.seed,
        data=DataConfig(held_out_classes=len(unseen)),
        drawing=TowersDrawing(keep=config.drawing.keep, shown=config.drawing.shown),
    )
    if (held := held_out_classes(data, towers)) != unseen:
        raise ConfigError(
            f"starts_from: {artefact.name} has never seen {_some(unseen)}; of {data / 'extra'} a "
            f"run with the seed {config.seed} keeps out {_some(held)}"
        )
    drawings = load_drawings(data, towers, cache / "drawings.npz")
    shared = tuple(artefact.notes.get("shared_classes", ()))
    rest = tuple(name for name in drawings.names if name not in set(shared))
    names = (*shared, *rest)
    if classes != len(names):
        raise ConfigError(
            f"starts_from: {artefact.name} names {classes} things drawn, the data {len(names)}"
        )
    pictures = load_pictures(data, (*names, *sorted(unseen)), unseen, how, cache / "pictures.npz")
    number = {name: index for index, name in enumerate((*names, *sorted(unseen)))}
    labels = np.array(
        [number.get(_class_of(drawings, index), -1) for index in range(len(drawings.labels))],
        np.int64,
    )
    # Photos of two classes may be called the same.
    named = zip(pictures.labels.tolist(), pictures.stems, strict=True)
    place = {photo: index for index, photo in enumerate(named) if photo[0] >= 0}
    pair = np.array(
        [
            place.get((label, _photo_of(file)), -1)
            for label, file in zip(labels.tolist(), drawings.files, strict=True)
        ],
        np.intp,
    )
    _check(data, drawings, pictures, pair, len(shared))
    taught = _Taught(artefact, cache)
    asked = np.flatnonzero(np.isin(drawings.split, ("val", UNSEEN)))
    asked_files = [data / drawings.files[index] for index in asked]
    return Material(
        drawings,
        pictures,
        labels,
        pair,
        taught.photos(pictures),
        taught.sketches(drawings, config),
        asked,
        pack_lines(asked_files, config.drawing.shown, cache / "asked.npz"),
        names,
        len(shared),
    )


def _begun(artefact: ModelArtefact) -> tuple[int, Preprocessing]:
    """Return how many things drawn a model names, and how it prepares photos.

    Raises:
        ConfigError: it is no model to go on from.

    """
    head = artefact.towers[Modality.SKETCH].network.get("head", {})
    if head.get("kind") not in ("posterior", "parts"):
        raise ConfigError(f"starts_from: {artefact.name} has no class part to go on from")
    how = artefact.towers[Modality.PHOTO].preprocessing
    half = (0.5, 0.5, 0.5)
    if (how.mean, how.std) != (half, half):
        raise ConfigError(
            f"starts_from: {artefact.name} must take photos of mean and std {half}, not "
            f"{how.mean} and {how.std}"
        )
    return int(head["classes"]), how


def _check(
    data: Path, drawings: Drawings, pictures: Pictures, pair: npt.NDArray[np.intp], shared: int
) -> None:
    """Refuse data that lacks what a run learns from or is calibrated by.

    Raises:
        DataError: it does; the message says what would be right.

    """
    if not (pair >= 0).any():
        raise DataError(f"{data}: no sketch's name tells of which photo it is (A-3 is of A)")
    learned = set(pictures.labels[pictures.where("train")].tolist())
    if bare := [pictures.names[each] for each in range(shared) if each not in learned]:
        raise DataError(f"{data}: there is no photo to learn {_some(bare)} from")
    shown = pictures.where("val", "test")
    if not np.isin(pair[drawings.where("val")], shown).any():
        raise DataError(
            f"{data / 'zoo'}: splits.csv puts no sketch into val whose photo is in val or test; "
            "by such pairs a model is measured and calibrated"
        )


def _some(names: Iterable[str]) -> str:
    told = sorted(names)
    rest = f" and {len(told) - 3} more" if len(told) > 3 else ""  # noqa: PLR2004 - a few
    return (", ".join(told[:3]) + rest) or "nothing"


def _class_of(drawings: Drawings, index: int) -> str:
    label = drawings.labels[index]
    if label >= 0:
        return str(drawings.names[label])
    return same(Path(drawings.files[index]).parent.name)


def _photo_of(file: str) -> str:
    stem, sign, number = Path(file).stem.rpartition("-")
    return stem if sign and number.isdigit() else ""


class _Taught:
    """Logits of the model that a run goes on from, kept by its fingerprint."""

    def __init__(self, artefact: ModelArtefact, cache: Path) -> None:
        self._artefact = artefact
        self._cache = cache

    def photos(self, pictures: Pictures) -> npt.NDArray[np.float16]:
        def batch(start: int) -> torch.Tensor:
            squares = torch.from_numpy(pictures.squares[start : start + 64])
            return 2 * squares.permute(0, 3, 1, 2).float() / 255 - 1

        return self._kept(Modality.PHOTO, pictures.squares, batch)

    def sketches(self, drawings: Drawings, config: JointConfig) -> npt.NDArray[np.float16]:
        def batch(start: int) -> torch.Tensor:
            lines = unpack(torch.from_numpy(drawings.lines[start : start + 64]))
            return draw(lines, config.drawing.size, config.drawing.pen)

        return self._kept(Modality.SKETCH, drawings.lines, batch)

    def _kept(
        self, modality: Modality, content: npt.NDArray[np.uint8], batch: Any
    ) -> npt.NDArray[np.float16]:
        key = hashlib.sha256(content.tobytes()).hexdigest() + self._artefact.fingerprint

        def compute() -> npt.NDArray[np.float16]:
            tower: Any = class_tower(self._artefact, modality)
            net = nn.Sequential(tower.backbone, tower.head.classifier)
            net = net.to(memory_format=torch.channels_last)
            parts = []
            with torch.inference_mode():
                for start in range(0, len(content), 64):
                    images = batch(start).contiguous(memory_format=torch.channels_last)
                    parts.append(net(images).numpy().astype(np.float16))
            return np.concatenate(parts)

        return kept(self._cache / f"taught-{modality}.npz", key, compute)
