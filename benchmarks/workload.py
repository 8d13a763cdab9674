"""The workload: sketches and photos of the drawn sample, as files' bytes."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sketchzoo.images import Modality


@dataclass(frozen=True, slots=True)
class Workload:
    """A gallery's folder, and its sketches' and photos' bytes in a fixed order."""

    folder: Path
    sketches: Sequence[bytes]
    photos: Sequence[bytes]

    def typical(self, modality: Modality) -> bytes:
        """Return the file of the middle size, for clients that send just one."""
        files = sorted(self.photos if modality is Modality.PHOTO else self.sketches, key=len)
        return files[len(files) // 2]


def prepare(out: Path) -> Workload:
    """Draw the sample below `out` unless it is there."""
    folder = (out / "gallery").resolve()
    subprocess.run(
        [sys.executable, "-m", "sketchzoo", "sample", "draw", str(folder)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return Workload(folder, _read(folder / "sketch"), _read(folder / "photo"))


def _read(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.rglob("*.*")) if path.is_file()]
