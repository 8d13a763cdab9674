"""Embeddings of two values as points, kept in a run's folder for its chart."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np

from sketchzoo.files import write_atomically
from sketchzoo_training.evaluate.ranking import Vectors

FILE = "scatter.npz"


@dataclass(frozen=True, slots=True)
class Scatter:
    """Test images in the plane: float32 points `(n, 2)`, photos first, and each one's class."""

    points: Vectors = field(repr=False)
    classes: tuple[str, ...] = field(repr=False)
    photos: int

    def save(self, run_dir: Path) -> None:
        """Write it into a run's folder."""
        write_atomically(
            run_dir / FILE,
            lambda file: np.savez(
                file, points=self.points, classes=np.array(self.classes), photos=self.photos
            ),
        )

    @classmethod
    def load(cls, run_dir: Path) -> Self | None:
        """Read what was saved; None where nothing was."""
        path = run_dir / FILE
        if not path.exists():
            return None
        with np.load(path) as kept:
            return cls(kept["points"], tuple(kept["classes"].tolist()), int(kept["photos"]))
