"""What a far wider pen leaves of a drawing: strokes that lie close together run into one.

The preprocessing draws every line again with one pen, but what a wide pen has covered it
cannot bring back; the network learns to do without.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sketchzoo.images import decode
from sketchzoo.ink import lines
from sketchzoo_training.evaluate.robustness import thicken
from sketchzoo_training.recipes.towers.config import TowersConfig
from sketchzoo_training.recipes.towers.drawings import MADE, THICK, Drawings
from sketchzoo_training.recipes.towers.kept import kept, key_of

LEFT_OUT = (*MADE, "tuberlin", "extra_tuberlin")
"""TU-Berlin's pen is so thin that one thrice as wide spoils nothing."""


def add_thick(
    drawings: Drawings, data: Path, config: TowersConfig, cache: Path | None = None
) -> Drawings:
    """Add training drawings as pens two to four times as wide draw them; `cache` keeps them."""
    train = drawings.where("train")
    chosen = train[~np.isin(drawings.source[train], LEFT_OUT)]
    files = [drawings.files[index] for index in chosen]
    labels = drawings.labels[chosen]

    def pack(file: str) -> npt.NDArray[np.uint8]:
        times = 2 + 2 * np.random.default_rng([config.seed, *file.encode()]).random()
        grey = decode((data / file).read_bytes()).convert("L")
        return np.packbits(lines(thicken(grey, times), config.drawing.keep), axis=1)

    def compute() -> npt.NDArray[np.uint8]:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return np.stack(list(pool.map(pack, files)))

    # The names too: each file's name decides how much wider its pen is.
    key = key_of(
        [data / file for file in files], names=files, keep=config.drawing.keep, seed=config.seed
    )
    return drawings.with_more(kept(cache, key, compute), labels, THICK, chosen)
