"""What the towers say of images as service shows them: the parts, before they are weighed."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sketchzoo_training.recipes.joint.config import DrawingConfig
from sketchzoo_training.recipes.joint.material import Material
from sketchzoo_training.recipes.joint.network import JointNetwork, Parts, Tower
from sketchzoo_training.recipes.towers.augment import draw, unpack
from sketchzoo_training.recipes.towers.kept import kept

_AT_ONCE = 64
_CPU = torch.device("cpu")
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Said:
    """What two towers say of all that calibration asks, and of the photos that answer.

    `photos` are photos of val and test, of which training saw none, then those of all other
    classes than the zoo's; `zoo` is how many come first. `drawings` are `Material.asked`.
    """

    photos: npt.NDArray[np.intp] = field(repr=False)
    zoo: int
    of_photos: Parts = field(repr=False)
    drawings: npt.NDArray[np.intp] = field(repr=False)
    of_drawings: Parts = field(repr=False)

    @classmethod
    def by(
        cls, network: JointNetwork, material: Material, how: DrawingConfig, cache: Path, run: str
    ) -> "Said":
        """Ask both towers, or what is kept of the same towers and the same `run`."""
        pictures = material.pictures
        shown = pictures.where("val", "test")
        zoo = set(material.drawings.names[: material.drawings.zoo])
        strange = np.array([name not in zoo for name in pictures.names])
        others = (pictures.labels >= 0) & strange[pictures.labels]
        photos = np.concatenate([shown, np.flatnonzero(others)])
        return cls(
            photos,
            len(shown),
            _kept(
                cache / "said-photo.npz",
                network.photo,
                run,
                lambda: of_photos(network.photo, pictures.squares[photos], _CPU),
            ),
            material.asked,
            _kept(
                cache / "said-sketch.npz",
                network.sketch,
                run,
                lambda: of_drawings(network.sketch, material.asked_lines, how, _CPU),
            ),
        )

    def with_logits(self, logits: Tensor) -> "Said":
        """Return the same with other logits of the drawings."""
        return replace(self, of_drawings=self.of_drawings._replace(logits=logits))

    def photos_where(self, chosen: npt.NDArray[np.bool_]) -> Parts:
        """Return what is said of photos `(n,)` that are chosen."""
        return _some(self.of_photos, chosen)

    def drawings_where(self, chosen: npt.NDArray[np.bool_]) -> Parts:
        """Return what is said of drawings `(n,)` that are chosen."""
        return _some(self.of_drawings, chosen)


@torch.inference_mode()
def of_photos(tower: Tower, squares: Bytes, device: torch.device) -> Parts:
    """Return what a tower says of photos, `Pictures.squares`."""
    parts = [_parts(tower, images.to(device)) for images in photos_as_shown(squares)]
    return _joined(parts, tower)


def photos_as_shown(squares: Bytes) -> Iterator[Tensor]:
    """Yield photos, a few at a time, as the network takes them: `(n, 3, size, size)`, -1 to 1."""
    for start in range(0, len(squares), _AT_ONCE):
        some = torch.from_numpy(squares[start : start + _AT_ONCE])
        images = 2 * some.permute(0, 3, 1, 2).float() / 255 - 1
        yield images.contiguous(memory_format=torch.channels_last)


@torch.inference_mode()
def of_drawings(tower: Tower, lines: Bytes, how: DrawingConfig, device: torch.device) -> Parts:
    """Return what a tower says of drawings by their lines, packed as service places them."""
    parts = []
    for start in range(0, len(lines), _AT_ONCE):
        some = unpack(torch.from_numpy(lines[start : start + _AT_ONCE]).to(device))
        parts.append(_parts(tower, draw(some, how.size, how.pen)))
    return _joined(parts, tower)


def _parts(tower: Tower, images: Tensor) -> Parts:
    said: Parts = tower(images.contiguous(memory_format=torch.channels_last))
    return said


def _joined(parts: list[Parts], tower: Tower) -> Parts:
    if not parts:
        return Parts(*(torch.zeros(0, size) for size in tower.sizes))
    return Parts(*(torch.cat(each).float().cpu() for each in zip(*parts, strict=True)))


def _some(parts: Parts, chosen: npt.NDArray[np.bool_]) -> Parts:
    return Parts(*(part[torch.from_numpy(chosen)] for part in parts))


def _kept(path: Path, tower: Tower, run: str, ask: Callable[[], Parts]) -> Parts:
    digest = hashlib.sha256(run.encode())
    for value in tower.state_dict().values():
        digest.update(value.numpy().tobytes())
    array = kept(path, digest.hexdigest(), lambda: torch.cat(ask(), dim=1).numpy())
    return Parts(*torch.split(torch.from_numpy(array), list(tower.sizes), dim=1))
