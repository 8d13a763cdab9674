"""The gallery's map: where each photo lies on a plane, and where a sketch does.

The map is a file made offline by `sketchzoo live map`. Photos that a model takes for
alike lie close together. A sketch lies in the middle of the photos nearest to its
embedding, each weighing the more the nearer it is.
"""

import asyncio
import hashlib
import struct
import time
import uuid
import zlib
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Self
from zipfile import BadZipFile

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


@dataclass(frozen=True, eq=False)
class GalleryMap:
    """Where n photos lie; positions are `(x, y)` in 0..1.

    `mean` (dimension) and `axes` (r, dimension) are the embeddings' mean and first
    principal axes; `reduced` (n, r) are the photos in them, of length 1; `plane` (n, 2)
    are their positions; `classes` are names, `class_of` (n) says which; `ids` are the photos'.
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
        """Write the map to a file; a gateway may be reading the old one."""
        arrays: Any = {each.name: np.asarray(getattr(self, each.name)) for each in fields(self)}
        write_atomically(path, lambda file: np.savez_compressed(file, **arrays))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a map; OSError or ValueError where it is none."""
        try:
            with path.open("rb") as opened:
                file = np.load(opened, allow_pickle=False)
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
        except (LookupError, ValueError, EOFError, BadZipFile, zlib.error) as error:
            raise ValueError(f"{path} is no map made by `sketchzoo live map`: {error}") from error

    def where(self, photo_id: str) -> list[float] | None:
        """Return where a photo lies; None for one that came after the map was made."""
        index = self._index.get(photo_id)
        return None if index is None else _rounded(self.plane[index])

    def place(self, vector: bytes) -> list[float] | None:
        """Return where an embedding (little-endian float32) lies; None for another size's."""
        if len(vector) != self.mean.size * 4:
            return None
        reduced = self.axes @ (np.frombuffer(vector, dtype="<f4") - self.mean)
        length = float(np.linalg.norm(reduced))
        if not np.isfinite(length) or length == 0:
            return None
        near = self.reduced @ (reduced / length)
        count = min(_NEIGHBOURS, near.size)
        nearest = np.argpartition(near, -count)[-count:]
        weights = np.exp(_SHARPNESS * (near[nearest] - near[nearest].max()))
        return _rounded(weights @ self.plane[nearest] / weights.sum())

    @cached_property
    def packed(self) -> bytes:
        """The map as the page reads it, little-endian.

        8 bytes magic, uint32 count, uint32 bytes of the class names (UTF-8, one a line),
        then per photo uint16 x, y and class, then 16 bytes of id, then the names.
        """
        names = "\n".join(self.classes).encode()
        grid = np.clip(np.round(self.plane * _GRID), 0, _GRID)
        points = np.column_stack([grid, self.class_of]).astype("<u2")
        ids = b"".join(uuid.UUID(each).bytes for each in self.ids)
        return (
            _MAGIC + struct.pack("<II", len(self.ids), len(names)) + points.tobytes() + ids + names
        )

    @cached_property
    def tag(self) -> str:
        """The entity tag of `packed`."""
        return f'"{hashlib.sha256(self.packed).hexdigest()[:24]}"'

    @cached_property
    def _index(self) -> dict[str, int]:
        return {photo_id: index for index, photo_id in enumerate(self.ids)}


class MapFile:
    """The map in its file, which may come later and may change while the page is served."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._looked = -_LOOK_SECONDS
        self._changed = 0
        self._map: GalleryMap | None = None

    async def current(self) -> GalleryMap | None:
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
                loaded = GalleryMap.load(path)
                # Packed here, in a thread, before anybody asks for it.
                log.info(
                    "map read", path=str(path), photos=len(loaded.ids), size=len(loaded.packed)
                )
                self._map = loaded
                self._changed = changed
        except FileNotFoundError:
            self._map = None
        except (OSError, ValueError) as error:
            # A map that cannot be read is not shown; searching goes on.
            self._changed = changed
            self._map = None
            log.warning("map refused", error=str(error))


def _rounded(position: Floats) -> list[float]:
    return [round(float(value), 4) for value in position]
