"""A zoo of three colours and a model that sees only colour: figures can be worked by hand."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image
from safetensors.numpy import save_file

from sketchzoo.fingerprint import fingerprint
from sketchzoo.images import Modality, Preprocessing
from sketchzoo.model import ModelArtefact
from sketchzoo.parts import Layout
from sketchzoo.tower_config import TowerConfig
from tests.unit.training.tiny_joint import begun, pairs, without_joint_export
from tests.unit.training.tiny_towers import data, without_export

__all__ = ["begun", "data", "pairs", "without_export", "without_joint_export"]

COLOURS = {"cat": (220, 40, 40), "dog": (40, 220, 40), "eel": (40, 40, 220)}


@pytest.fixture
def colour_zoo(tmp_path: Path) -> Path:
    """Four photos a class, two sketches drawn from the first two; test holds them all."""
    root = tmp_path / "zoo"
    rng = np.random.default_rng(3)
    rows: list[tuple[str, str]] = []
    for class_name, colour in COLOURS.items():
        for index in range(4):
            path = root / "photo" / class_name / f"n0000000{index}_{index}.png"
            _picture(path, colour, rng)
            rows.append((path.relative_to(root).as_posix(), "train" if index == 3 else "test"))
        for index in range(2):
            path = root / "sketch" / class_name / f"n0000000{index}_{index}-1.png"
            _picture(path, colour, rng)
            rows.append((path.relative_to(root).as_posix(), "test"))
    with (root / "splits.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "split"))
        writer.writerows(rows)
    return root


@pytest.fixture
def colour_model(tmp_path: Path) -> Path:
    """Write an artefact whose embedding is the mean colour, of norm 1."""
    return write_colour_model(tmp_path / "colour")


@pytest.fixture
def picture() -> Callable[[Path, tuple[int, int, int]], None]:
    rng = np.random.default_rng(5)
    return lambda path, colour: _picture(path, colour, rng)


def write_colour_model(folder: Path) -> Path:
    nodes = [
        helper.make_node("GlobalAveragePool", ["images"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["colour"]),
        helper.make_node("LpNormalization", ["colour"], ["embedding"], axis=1, p=2),
    ]
    graph = helper.make_graph(
        nodes,
        "colour",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, 16, 16])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", 3])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    folder.mkdir()
    onnx.save(model, folder / "both.onnx")
    tower = TowerConfig(
        "both", Preprocessing(16, "crop", (0.5,) * 3, (0.5,) * 3), {"backbone": "none"}
    )
    save_file({}, folder / tower.safetensors)
    artefact = ModelArtefact(
        folder=folder,
        name="colour",
        dimension=3,
        towers=dict.fromkeys(Modality, tower),
        fingerprint=fingerprint(folder, [tower]),
        layout=Layout.whole(3),
    )
    artefact.save_config()
    return folder


def _picture(path: Path, colour: tuple[int, int, int], rng: np.random.Generator) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = rng.integers(-30, 30, (24, 24, 3))
    pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(path)
