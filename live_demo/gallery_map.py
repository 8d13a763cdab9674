"""The gallery's map: where each photo lies on a plane, and where a sketch does.

The map is a file made offline by `sketchzoo live map`. Photos that a model takes for
alike lie close together. A sketch lies in the middle of the photos nearest to its
embedding, each weighing the more the nearer it is.
"""

import asyncio
import struct
import time
import uuid
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import structlog

from sketchzoo.files import write_atomically

log = structlog.get_logger()

Floats = npt.NDArray[np.float32]

_NEIGHBOURS = 15
# How quickly a neighbour's weight falls with its distance to the nearest one (cosine).
_SHARPNESS = 40.0
_GRID = 65_535
_LOOK_SECONDS = 2.0
_MAGIC = b"SZMAP1\0\0"


@dataclass(frozen=True, slots=True)
class Placed:
    """The map's content: n photos, `dimension` values each reduced to r.

    `mean` (dimension) and `axes` (r, dimension) are the embeddings' mean and first
    principal axes; `reduced` (n, r) are the photos in them, of length 1; `plane` (n, 2)
    lies in 0..1; `classes` are names, `class_of` (n) says which; `ids` are the photos'.
    """

    fingerprint: str
    mean: Floats
    axes: Floats
    reduced: Floats
    plane: Floats
    classes: tuple[str, ...]
    class_of: npt.NDArray[np.uint16]
    ids: tuple[str, ...]

    def __post_init__(self) -> None:
        count = len(self.ids)
        expected = {
            "axes": (self.axes.shape, (self.reduced.shape[-1], self.mean.size)),
            "reduced": (self.reduced.shape[:1], (count,)),
            "plane": (self.plane.shape, (count, 2)),
            "class_of": (self.class_of.shape, (count,)),
        }
        for name, (is_, should) in expected.items():
            if is_ != should:
                raise ValueError(f"{name} must be {should}, not {is_}")
        if count == 0:
            raise ValueError("ids must name at least one photo")
        if int(self.class_of.max()) >= len(self.classes):
            raise ValueError("class_of must point into classes")

    def save(self, path: Path) -> None:
        """Write the map to a file, which a gateway may be reading."""
        arrays: dict[str, Any] = {
            field.name: np.asarray(getattr(self, field.name)) for field in fields(self)
        }
        write_atomically(path, lambda file: np.savez_compressed(file, **arrays))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a map; OSError or ValueError where it is none."""
        try:
            with np.load(path, allow_pickle=False) as file:
                return cls(
                    fingerprint=str(file["fingerprint"]),
                    mean=file["mean"].astype(np.float32),
                    axes=file["axes"].astype(np.float32),
                    reduced=file["reduced"].astype(np.float32),
                    plane=file["plane"].astype(np.float32),
                    classes=tuple(str(name) for name in file["classes"]),
                    class_of=file["class_of"].astype(np.uint16),
                    ids=tuple(str(each) for each in file["ids"]),
                )
        except (KeyError, ValueError) as error:
            raise ValueError(f"{path} is no map made by `sketchzoo live map`: {error}") from error


class MapFile:
    """The map in its file, which may come later and may change while the page is served."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._looked = -_LOOK_SECONDS
        self._changed = 0
        self._map: GalleryMap | None = None

    async def current(self) -> "GalleryMap | None":
        """Return the map as the file has it, a few seconds late; None without one."""
        now = time.monotonic()
        if self._path is not None and now - self._looked >= _LOOK_SECONDS:
            self._looked = now
            await asyncio.to_thread(self._read, self._path)
        return self._map

    def _read(self, path: Path) -> None:
        changed = 0
        try:
            changed = path.stat().st_mtime_ns
            if changed != self._changed:
                self._map = GalleryMap(Placed.load(path))
                self._changed = changed
                log.info("map read", path=str(path), photos=self._map.size)
        except FileNotFoundError:
            self._map = None
        except (OSError, ValueError) as error:
            # A map that cannot be read is not shown; searching goes on.
            self._changed = changed
            self._map = None
            log.warning("map refused", error=str(error))


class GalleryMap:
    """Answers where photos and queries lie; positions are `(x, y)` in 0..1."""

    def __init__(self, placed: Placed) -> None:
        self._placed = placed
        self._index = {photo_id: index for index, photo_id in enumerate(placed.ids)}
        self.fingerprint = placed.fingerprint
        self.size = len(placed.ids)
        self.file = _packed(placed)

    def where(self, photo_id: str) -> list[float] | None:
        """Return where a photo lies; None for one that came after the map was made."""
        index = self._index.get(photo_id)
        return None if index is None else _rounded(self._placed.plane[index])

    def place(self, vector: bytes) -> list[float] | None:
        """Return where an embedding (little-endian float32) lies; None for another size's."""
        placed = self._placed
        if len(vector) != placed.mean.size * 4:
            return None
        reduced = placed.axes @ (np.frombuffer(vector, dtype="<f4") - placed.mean)
        length = float(np.linalg.norm(reduced))
        if not np.isfinite(length) or length == 0:
            return None
        near = placed.reduced @ (reduced / length)
        count = min(_NEIGHBOURS, near.size)
        nearest = np.argpartition(near, -count)[-count:]
        weights = np.exp(_SHARPNESS * (near[nearest] - near[nearest].max()))
        return _rounded(weights @ placed.plane[nearest] / weights.sum())


def _rounded(position: Floats) -> list[float]:
    return [round(float(value), 4) for value in position]


def _packed(placed: Placed) -> bytes:
    """Return the map as the page reads it, little-endian.

    8 bytes magic, uint32 count, uint32 bytes of the class names (UTF-8, one a line),
    then per photo uint16 x, y and class, then 16 bytes of id, then the names.
    """
    names = "\n".join(placed.classes).encode()
    grid = np.clip(np.round(placed.plane * _GRID), 0, _GRID).astype("<u2")
    points = np.column_stack([grid, placed.class_of.astype("<u2")])
    ids = b"".join(uuid.UUID(each).bytes for each in placed.ids)
    header = _MAGIC + struct.pack("<II", len(placed.ids), len(names))
    return header + points.astype("<u2").tobytes() + ids + names
