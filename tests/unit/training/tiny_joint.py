"""Data, a model and a configuration that train both towers of a joint run in seconds."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image, ImageDraw
from safetensors.torch import save_file

from sketchzoo.fingerprint import fingerprint
from sketchzoo.heads import PartsHead, PosteriorHead
from sketchzoo.images import Modality, Preprocessing
from sketchzoo.model import ModelArtefact
from sketchzoo.tower_config import TowerConfig
from sketchzoo.towers import build_tower
from sketchzoo_training.recipes.joint import run
from sketchzoo_training.recipes.joint.config import JointConfig
from sketchzoo_training.recipes.settings import checked
from sketchzoo_training.recipes.towers.config import DataConfig, TowersConfig
from sketchzoo_training.recipes.towers.drawings import held_out_classes

ZOO = ("ant", "bee")
OTHERS = ("cup", "hat", "key")
HELD = 1
SPLITS = ("train", "train", "train", "val", "val", "test", "test")
TWO = {"kind": "posterior", "general": 6, "temperature": 1.0, "weight": 0.7}
THREE = {
    "kind": "parts",
    "general": 6,
    "shape": 5,
    "cell": 4,
    "grid": 2,
    "temperature": 1.0,
    "weights": [0.5, 0.3, 0.2],
}
TINY: dict[str, Any] = {
    "data": {"classes": 3, "each": 2, "loose": 1, "others": 2, "anything": 2},
    "drawing": {"size": 32, "small_size": 32},
    "network": {"general": 6, "shape": 5, "cell": 4, "grid": 2},
    "schedule": {"steps": 4, "small_steps": 1, "warm_steps": 1},
    "budget": {"checkpoint_every": 2, "validate_every": 4},
    "device": {"threads": 1},
}


def tiny(model: ModelArtefact | Path, **tables: dict[str, Any]) -> JointConfig:
    """Return the tiny configuration that goes on from a model, with fields changed."""
    return checked(JointConfig, changed(model, **tables), "tiny")


def changed(model: ModelArtefact | Path, **tables: dict[str, Any]) -> dict[str, Any]:
    """Return the tiny configuration's values with fields of its tables changed."""
    folder = model.folder if isinstance(model, ModelArtefact) else model
    names = TINY.keys() | tables.keys()
    values = {name: {**TINY.get(name, {}), **tables.get(name, {})} for name in names}
    return {"recipe": "joint", "starts_from": str(folder), **values}


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of the zoo in three splits, three others, one more drawn, and anything."""
    root = tmp_path_factory.mktemp("pairs")
    rows = [("path", "split")]
    for place, name in enumerate(ZOO):
        for number, split in enumerate(SPLITS):
            seed = 20 * place + number
            _image(root / f"zoo/photo/{name}/{number}.png", seed, "green")
            # Two photos of two classes may be called the same, as here.
            _image(root / f"zoo/sketch/{name}/{number}-1.png", seed, "white")
            rows += [
                (f"photo/{name}/{number}.png", split),
                (f"sketch/{name}/{number}-1.png", split),
            ]
    with (root / "zoo/splits.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    for place, name in enumerate(OTHERS):
        for number in range(2):
            _image(root / f"extra/photo/{name}/{number}.png", 50 + 20 * place + number, "red")
            _image(root / f"extra/sketch/{name}/{number}-1.png", 50 + 20 * place + number, "white")
    for number in range(2):
        _image(root / f"extra/sketch_tuberlin/moon/{number}.png", 150 + number, "white")
    for number in range(3):
        _image(root / f"extra/photo_any/thing/{number}.png", 170 + number, "blue")
    return root


@pytest.fixture(scope="session")
def begun(pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> ModelArtefact:
    """Write an untrained model of two parts that has never seen one of the others."""
    towers = TowersConfig(data=DataConfig(held_out_classes=HELD))
    unseen = held_out_classes(pairs, towers)
    shared = [*ZOO, *sorted(set(OTHERS) - unseen)]
    return write_begun(tmp_path_factory.mktemp("begun"), shared, sorted(unseen))


def write_begun(
    folder: Path, shared: list[str], unseen: list[str], head: dict[str, Any] = TWO
) -> ModelArtefact:
    """Write a model of Lite0 towers with the settings of a `head`; safetensors only."""
    how = Preprocessing(32, "crop", (0.5,) * 3, (0.5,) * 3)
    towers = {}
    for modality in Modality:
        classes = len(shared) + (modality is Modality.SKETCH)
        described = {
            "backbone": "efficientnet_lite0",
            "head": {**head, "classes": classes, "shared": len(shared)},
        }
        grey = replace(how, fit="ink", mean=(0.5,), std=(0.5,), keep=0.8)
        prepared = how if modality is Modality.PHOTO else grey
        towers[modality] = TowerConfig(str(modality), prepared, described)
        torch.manual_seed(len(towers))
        net = build_tower(described, prepared.channels)
        save_file(net.state_dict(), folder / towers[modality].safetensors)
        assert isinstance(net.head, PosteriorHead | PartsHead)
        layout = net.head.layout()
    artefact = ModelArtefact(
        folder=folder,
        name="begun",
        dimension=layout.dimension,
        towers=towers,
        fingerprint=fingerprint(folder, towers.values()),
        layout=layout,
        notes={"shared_classes": shared, "unseen_classes": unseen},
    )
    artefact.save_config()
    return artefact


@pytest.fixture
def without_joint_export(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what follows the training; other tests measure and export."""
    monkeypatch.setattr(run, "assemble", lambda *_: None)
    monkeypatch.setattr(run, "measure", lambda *_: None)
    monkeypatch.setattr(run, "write_card", lambda *_: None)


def _image(path: Path, seed: int, ground: str) -> None:
    """Draw an L whose place and legs follow from the seed: no two, nor its mirror, are alike."""
    image = Image.new("RGB", (64, 64), ground)
    pen = ImageDraw.Draw(image)
    left, top = 8 + seed % 7, 8 + seed % 5
    pen.line((left, top, left, 40 + seed % 17), fill="black", width=3)
    pen.line((left, 40 + seed % 17, 30 + seed % 13, 40 + seed % 17), fill="black", width=3)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
