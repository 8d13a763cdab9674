"""Checking: each promise of a model, kept and broken."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from model_artefact.checking import Promise, check
from model_artefact.importing import Plan, Side, Square, make
from model_artefact.source import Source
from model_artefact.text import TextSource
from model_artefact.tower import Pixels
from sketchzoo.fingerprint import fingerprint
from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact
from sketchzoo.model_error import ModelError
from tests.artefacts import tiny_model
from tests.unit.model_artefact.exports import SIZE, image_encoder, text_encoder, tokenizer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of an imported model with a text tower."""
    photo = Source(image_encoder(tmp_path / "photo.onnx"))
    told = tokenizer(tmp_path / "tokenizer.json", context=9, padding=True)
    text = TextSource(Source(text_encoder(tmp_path / "text.onnx")), told)
    side = Side(photo, Pixels((0.5,), (0.5,), SIZE), Square("crop"))
    make(Plan("whole", side, Square("letterbox"), text), tmp_path / "model")
    return tmp_path / "model"


def broken(folder: Path | str) -> list[tuple[str, str]]:
    """Return the promises that a model breaks."""
    return [(each.of, each.what) for each in check(folder) if not each.is_kept]


def test_an_imported_model_keeps_what_it_promises(folder: Path) -> None:
    """Of both modalities and of texts; the time of one image is told."""
    promises = list(check(folder))
    assert all(each.is_kept for each in promises)
    assert {each.of for each in promises} == {"model", "photo", "sketch", "text"}
    (speed,) = (each.found for each in promises if (each.of, each.what) == ("photo", "speed"))
    assert speed.endswith("ms an image on one thread")


def test_the_shipped_model_keeps_them_too() -> None:
    """By its bare name."""
    assert broken("zoo-1") == []


def test_an_imported_model_has_its_papers(tmp_path: Path, folder: Path) -> None:
    """A model of one's own may go without card and licence; others' may not."""
    tiny_model(tmp_path / "tiny")
    assert broken(tmp_path / "tiny") == []
    (folder / "LICENSE").unlink()
    found = [each.found for each in check(folder) if not each.is_kept]
    assert found == ["LICENSE missing"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("photo.safetensors", {("model", "fingerprint")}),
        ("photo.onnx", {("model", "fingerprint"), ("photo", "runs"), ("sketch", "runs")}),
        ("text.safetensors", {("text", "fingerprint")}),
        ("tokenizer.json", {("text", "runs")}),
    ],
)
def test_damage_breaks_promises(name: str, expected: set[tuple[str, str]], folder: Path) -> None:
    """A byte flipped in weights, a graph or a tokenizer cut in half."""
    path = folder / name
    content = path.read_bytes()
    if name.endswith("safetensors"):
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    else:
        path.write_bytes(content[: len(content) // 2])
    assert expected <= set(broken(folder))


def edit(folder: Path, **values: Any) -> None:
    """Change fields of a model's configuration."""
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_a_missing_file_is_named(folder: Path) -> None:
    """Where it should lie; the promises that need it are broken as well."""
    (folder / "photo.onnx").unlink()
    files = next(each for each in check(folder) if each.what == "files")
    assert files == Promise("model", "files", is_kept=False, found="photo.onnx missing")


def test_another_length_of_embeddings_is_found(folder: Path) -> None:
    """Also of the text tower."""
    edit(folder, dimension=7)
    assert {("photo", "dimension"), ("sketch", "dimension"), ("text", "dimension")} <= set(
        broken(folder)
    )


def test_another_version_of_the_preprocessing_is_found(folder: Path) -> None:
    """The model is looked at no further."""
    config = json.loads((folder / "config.json").read_text())
    config["towers"]["photo"]["preprocessing"]["version"] = 1
    edit(folder, **config)
    assert broken(folder) == [("model", "configuration")]


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        ("Identity", {("photo", "norm 1")}),
        ("Sqrt", {("photo", "finite")}),
        ("constant", {("photo", "tells things apart")}),
        ("batch", {("photo", "batches")}),
    ],
)
def test_a_graph_that_answers_otherwise_is_found(
    op: str, expected: set[tuple[str, str]], folder: Path
) -> None:
    """Of no norm, with roots of negative numbers, always the same, or one answer for a batch."""
    path = folder / "photo.onnx"
    model = onnx.load(path, load_external_data=False)
    last = model.graph.node[-1]
    assert last.op_type == "LpNormalization"
    if op in ("Identity", "Sqrt"):
        last.CopyFrom(helper.make_node(op, list(last.input), ["embedding"]))
    else:
        last.output[0] = "unit"
        rows = (
            [helper.make_node("ReduceMean", ["unit"], ["kept"], axes=[0], keepdims=1)]
            if op == "batch"
            else [
                helper.make_node("Mul", ["unit", "unit"], ["squares"]),
                helper.make_node("Sign", ["squares"], ["kept"]),
            ]
        )
        unit = helper.make_node("LpNormalization", ["kept"], ["embedding"], axis=1, p=2)
        model.graph.node.extend([*rows, unit])
    onnx.save(model, path)
    artefact = ModelArtefact.read(folder)
    edit(folder, fingerprint=fingerprint(folder, artefact.towers.values()))
    assert expected <= set(broken(folder))


def test_a_folder_that_is_not_there_is_no_broken_promise() -> None:
    """It is a wrong argument."""
    with pytest.raises(ModelError, match="is no folder"):
        list(check("no-such-model"))


def test_what_was_made_is_what_is_read(folder: Path) -> None:
    """The configuration says of each tower whence it came."""
    artefact = ModelArtefact.load(folder)
    network = artefact.towers[Modality.PHOTO].network
    assert network == {
        "kind": "onnx",
        "source": "photo.onnx",
        "output": "image_embeds",
        "pool": None,
        "norm": "added",
        "batch": "any",
    }
    assert artefact.text is not None
    assert np.isclose(artefact.min_score, 0)
