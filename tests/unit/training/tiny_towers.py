"""Data and a recipe that train the towers in a second: two classes of drawn shapes."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from sketchzoo_training.recipes.settings import checked
from sketchzoo_training.recipes.towers import run
from sketchzoo_training.recipes.towers.config import TowersConfig

SHAPES = {"ant": "ellipse", "bee": "rectangle"}
TINY: dict[str, Any] = {
    "data": {"contours_from": 1, "thick_from": 2},
    "drawing": {"size": 32},
    "network": {"general": 4},
    "schedule": {"steps": 4, "small_steps": 1, "batch": 4, "small_size": 32, "warm_steps": 1},
    "photos": {"size": 32, "probe_steps": 3},
    "budget": {"checkpoint_every": 2, "validate_every": 2},
    "device": {"threads": 1},
}


def tiny(**tables: dict[str, Any]) -> TowersConfig:
    """Return the tiny configuration with fields of its tables changed."""
    return checked(TowersConfig, changed(**tables), "tiny")


def changed(**tables: dict[str, Any]) -> dict[str, Any]:
    """Return the tiny configuration's values with fields of its tables changed."""
    names = TINY.keys() | tables.keys()
    return {name: {**TINY.get(name, {}), **tables.get(name, {})} for name in names}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of drawn shapes, photos and sketches, in three splits."""
    root = tmp_path_factory.mktemp("data") / "zoo"
    rows = [("path", "split")]
    random = np.random.default_rng(0)
    for name, shape in SHAPES.items():
        for number in range(9):
            split = ("train", "train", "train", "train", "train", "val", "val", "test", "test")
            low, high = random.integers(8, 20), random.integers(40, 60)
            for level, ground, ending in (("photo", "green", "jpg"), ("sketch", "white", "png")):
                image = Image.new("RGB", (64, 64), ground)
                pen = ImageDraw.Draw(image)
                getattr(pen, shape)((low, low, high, high), outline="black", width=3)
                path = root / level / name / f"{number}.{ending}"
                path.parent.mkdir(parents=True, exist_ok=True)
                image.save(path)
                rows.append((f"{level}/{name}/{path.name}", split[number]))
    with (root / "splits.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return root.parent


@pytest.fixture
def without_export(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what follows the training; other tests measure and export."""
    monkeypatch.setattr(run, "assemble", lambda *_: None)
    monkeypatch.setattr(run, "measure", lambda *_: None)
    monkeypatch.setattr(run, "write_card", lambda *_: None)


def losses(folder: Path) -> list[float]:
    """Return every step's loss."""
    with (folder / "losses.csv").open(newline="") as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]
