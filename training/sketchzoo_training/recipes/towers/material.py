"""What a towers run learns from: drawings as lines, photos as features; from files or packed.

Packed, it is one file that travels to a machine with a GPU: all that training needs, and no
image. What follows training (probes, calibration, export) is done where the images are.
"""

import hashlib
import zipfile
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sketchzoo.files import write_atomically
from sketchzoo_training.errors import ConfigError, DataError
from sketchzoo_training.recipes.towers import photo_features
from sketchzoo_training.recipes.towers.config import TowersConfig
from sketchzoo_training.recipes.towers.contours import add_contours
from sketchzoo_training.recipes.towers.drawings import UNSEEN, Drawings, load_drawings, pack_lines
from sketchzoo_training.recipes.towers.photo_features import PhotoFeatures
from sketchzoo_training.recipes.towers.thick import add_thick

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Material:
    """Drawings, photos, and `asked`: drawings of val and of unseen classes as service sees them.

    `asked_lines` are packed as `Drawings.lines` are, `asked` index the drawings. `made_by`
    names the settings that all of it was made by.
    """

    drawings: Drawings
    photos: PhotoFeatures
    asked: npt.NDArray[np.intp] = field(repr=False)
    asked_lines: npt.NDArray[np.uint8] = field(repr=False)
    made_by: str

    def fingerprint(self) -> str:
        """Hash all that is learned from: 16 hexadecimal digits."""
        content = hashlib.sha256(self.made_by.encode())
        for part in (
            self.drawings.lines,
            self.drawings.labels,
            self.drawings.split,
            self.photos.features,
            self.photos.labels,
        ):
            content.update(np.ascontiguousarray(part).tobytes())
        return content.hexdigest()[:16]

    def summary(self) -> dict[str, Any]:
        """Return what a run's record says of it."""
        return {
            "fingerprint": self.fingerprint(),
            "classes": list(self.drawings.names),
            "drawings": len(self.drawings.labels),
            "photos": len(self.photos.labels),
        }

    def where(self, split: str, *sources: str, zoo: bool = False) -> npt.NDArray[np.intp]:
        """Return the places among `asked` of a split's drawings, see `Drawings.where`."""
        return np.flatnonzero(np.isin(self.asked, self.drawings.where(split, *sources, zoo=zoo)))

    def labels(self, places: npt.NDArray[np.intp]) -> npt.NDArray[np.int64]:
        """Return the labels of drawings at places among `asked`."""
        return self.drawings.labels[self.asked[places]]

    def order(self) -> list[int]:
        """Return each drawing class's number in the network: classes with photos come first.

        Raises:
            DataError: a class has photos but no drawings to learn from.

        """
        names, shared = self.drawings.names, self.photos.shared
        if missing := sorted(set(shared) - set(names)):
            raise DataError(f"no drawings to learn {', '.join(missing)} from")
        rest = [name for name in names if name not in set(shared)]
        place = {name: number for number, name in enumerate((*shared, *rest))}
        return [place[name] for name in names]


def load_material(data: Path, config: TowersConfig, cache: Path) -> Material:
    """Read a folder with `zoo/` and perhaps `extra/`, or a packed file; `cache` keeps results.

    Raises:
        DataError: the data cannot be used.
        ConfigError: a packed file was made by other settings.

    """
    if data.is_file():
        return unpack_material(data, config)
    cache.mkdir(parents=True, exist_ok=True)
    drawings = load_drawings(data, config, cache / "drawings.npz")
    asked = np.flatnonzero(
        (drawings.split == UNSEEN) | ((drawings.split == "val") & (drawings.labels < drawings.zoo))
    )
    files = [data / drawings.files[index] for index in asked]
    asked_lines = pack_lines(files, config.drawing.shown, cache / "asked.npz")
    photos = photo_features.load_photos(data, config, cache / "photos.npz")
    drawings = add_contours(drawings, photos, data, config, cache / "contours.npz")
    drawings = add_thick(drawings, data, config, cache / "thick.npz")
    return Material(drawings, photos, asked, asked_lines, _made_by(config))


def pack_material(material: Material, path: Path) -> None:
    """Write what training needs as one compressed file.

    Of photos' features, which are left as numbers of half precision, those of the photos as
    they are, not mirrored.
    """
    values: dict[str, Any] = {"format": _FORMAT, "made_by": material.made_by}
    photos = replace(material.photos, features=material.photos.features[:, :1].astype(np.float16))
    for name, part in (("drawings", material.drawings), ("photos", photos)):
        values |= {f"{name}.{each.name}": getattr(part, each.name) for each in fields(part)}
    values |= {"asked": material.asked, "asked_lines": material.asked_lines}
    write_atomically(path, lambda file: np.savez_compressed(file, allow_pickle=False, **values))


def unpack_material(path: Path, config: TowersConfig) -> Material:
    """Read a packed file.

    Raises:
        DataError: it is none, or damaged.
        ConfigError: it was made by other settings.

    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            values = {name: stored[name] for name in stored.files}
        if int(values["format"]) != _FORMAT:
            raise DataError(f"{path} was packed by another release; pack it anew")
        parts: dict[str, dict[str, Any]] = {"drawings": {}, "photos": {}}
        for name, part in parts.items():
            for key, value in values.items():
                if key.startswith(f"{name}."):
                    own = key.removeprefix(f"{name}.")
                    part[own] = _plain(value, listed=own in ("names", "files"))
        parts["photos"]["features"] = parts["photos"]["features"].astype(np.float32)
        material = Material(
            Drawings(**parts["drawings"]),
            PhotoFeatures(**parts["photos"]),
            values["asked"],
            values["asked_lines"],
            str(values["made_by"]),
        )
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, EOFError, OSError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} is no packed data, or damaged: {error}") from error
    if material.made_by != _made_by(config):
        raise ConfigError(
            f"{path} was packed with other settings of [data], [drawing] or [photos]; pack it anew"
        )
    return material


def _plain(value: npt.NDArray[Any], *, listed: bool) -> Any:
    """Return numbers and tuples as they were before they were stored."""
    if value.ndim == 0:
        return value.item()
    return tuple(value.tolist()) if listed else value


def _made_by(config: TowersConfig) -> str:
    """Digest the settings that decide what lines and features are made."""
    decisive = (
        config.seed,
        config.data.held_out_classes,
        config.drawing.keep,
        config.drawing.shown,
        config.objective.label_smoothing,
        config.photos.model_dump_json(),
    )
    return hashlib.sha256(repr(decisive).encode()).hexdigest()[:16]
