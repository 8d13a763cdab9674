"""Importing: what cannot become a model is told in one line, and what is there stays."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto

from model_artefact.folder import FolderError
from model_artefact.importing import Side
from model_artefact.source import Source
from sketchzoo.model_error import ModelError
from tests.unit.model_artefact.exports import (
    beside,
    image_encoder,
)
from tests.unit.model_artefact.imported import CROP, HALF, imported


@pytest.mark.parametrize(
    ("place", "problem"),
    [
        ({"location": "a\0b"}, "is missing"),
        ({"offset": "first"}, "is no place in a file"),
        ({"offset": "-4"}, "is no place in a file"),
        ({"length": "-4"}, "is no place in a file"),
    ],
)
def test_a_place_beside_the_graph_that_is_none_is_told(
    place: dict[str, str], problem: str, tmp_path: Path
) -> None:
    """In one line, whatever a file says."""
    path = beside(image_encoder(tmp_path / "odd.onnx"))
    model = onnx.load(path, load_external_data=False)
    said = model.graph.initializer[0].external_data
    entries = {entry.key: entry.value for entry in said} | place
    del said[:]
    for key, value in entries.items():
        said.add(key=key, value=value)
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match=problem):
        imported(path, tmp_path / "model")


@pytest.mark.parametrize("values", [[], [1.0] * 7])
@pytest.mark.parametrize("shape", [[48, 24], [1 << 40, 1 << 20]])
def test_weights_that_are_not_as_many_as_their_shape_says_are_told(
    values: list[float], shape: list[int], tmp_path: Path
) -> None:
    """A damaged file; nothing so large is asked of memory."""
    model = onnx.load(image_encoder(tmp_path / "odd.onnx"))
    weight = model.graph.initializer[0]
    weight.dims[:] = shape
    weight.ClearField("raw_data")
    weight.float_data.extend(values)
    onnx.save(model, tmp_path / "odd.onnx")
    with pytest.raises(ModelError, match="has not as many values as its shape says"):
        imported(tmp_path / "odd.onnx", tmp_path / "model")


@pytest.mark.parametrize("end", ["input", "output"])
def test_values_of_an_unknown_type_are_refused(end: str, tmp_path: Path) -> None:
    """A file of a later ONNX may have such."""
    model = onnx.load(image_encoder(tmp_path / "odd.onnx"))
    getattr(model.graph, end)[0].type.tensor_type.elem_type = 99
    (tmp_path / "odd.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="unknown type, 99"):
        imported(tmp_path / "odd.onnx", tmp_path / "model")


@pytest.mark.parametrize(
    ("form", "source", "problem"),
    [
        ({}, {"output": "other"}, "has no output other for --output: it has image_embeds [batch"),
        (
            {"outputs": ("last_hidden_state", "maps")},
            {},
            "has several outputs: choose one by --output: last_hidden_state [batch_size, 16, 24], ",
        ),
        (
            {"outputs": ("last_hidden_state",)},
            {},
            "is many vectors an image: choose --pool cls (the first token) or mean",
        ),
        (
            {"outputs": ("last_hidden_state", "other")},
            {"output": "last_hidden_state"},
            "choose --pool cls (the first token) or mean, or another --output: other [batch_size, ",
        ),
        ({"outputs": ("maps",)}, {"pool": "cls"}, "choose --pool mean"),
        ({}, {"pool": "cls"}, "is one vector an image: leave --pool out"),
        ({"shape": ("n", 3, 48, 48)}, {}, "takes images of 48 pixels, not of --size 32"),
        ({"shape": ("n", 3, 32, 48)}, {}, "its images are not square"),
        ({"shape": ("n", 4, 32, 32)}, {}, "images have 1 or 3 channels"),
        ({"scale": float("nan")}, {}, "answers values that are not finite"),
        ({"scale": 0.0}, {}, "answers nothing but zeros"),
    ],
)
def test_what_is_no_image_encoder_is_told_in_one_line(
    form: dict[str, Any], source: dict[str, Any], problem: str, tmp_path: Path
) -> None:
    """The line names the file, and what to choose where there is a choice; nothing is left."""
    path = image_encoder(tmp_path / "odd.onnx", **form)
    with pytest.raises(ModelError) as told:
        imported(Source(path, **source), tmp_path / "model")
    assert problem in str(told.value)
    assert str(told.value).startswith(str(path))
    assert "\n" not in str(told.value)
    assert [each.name for each in tmp_path.iterdir()] == ["odd.onnx"]


def test_pixels_that_a_graph_scales_itself_are_refused(tmp_path: Path) -> None:
    """A graph of bytes would be scaled twice."""
    model = onnx.load(image_encoder(tmp_path / "bytes.onnx"))
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8
    onnx.save(model, tmp_path / "bytes.onnx")
    with pytest.raises(ModelError, match=r"takes uint8 pixels, which it scales by itself"):
        imported(tmp_path / "bytes.onnx", tmp_path / "model")


def test_what_the_runtime_cannot_load_is_told_of_the_users_file(tmp_path: Path) -> None:
    """Its own words in one line, and no path of a folder that is gone by then."""
    model = onnx.load(image_encoder(tmp_path / "strange.onnx"))
    model.graph.node[0].op_type = "Fancy"
    onnx.save(model, tmp_path / "strange.onnx")
    with pytest.raises(
        ModelError, match=r"strange\.onnx does not run: it is no model.*Fancy"
    ) as told:
        imported(tmp_path / "strange.onnx", tmp_path / "model")
    assert "\n" not in str(told.value)
    assert ".part" not in str(told.value)


def test_a_size_that_nobody_states_is_asked_for(tmp_path: Path) -> None:
    """Where the file leaves it open."""
    path = image_encoder(tmp_path / "open.onnx")
    with pytest.raises(ModelError, match="have no fixed size: give --size"):
        imported(path, tmp_path / "model", pixels=replace(HALF, size=None))


@pytest.mark.parametrize("damage", ["missing", "cut", "elsewhere", "text", "folder"])
def test_files_that_cannot_be_used_are_named(damage: str, tmp_path: Path) -> None:
    """The graph's own and its weights'; one line each."""
    path = beside(image_encoder(tmp_path / "clip.onnx"))
    weights = tmp_path / "weights.bin"
    if damage == "missing":
        weights.unlink()
    elif damage == "cut":
        weights.write_bytes(weights.read_bytes()[:-8])
    elif damage == "elsewhere":
        model = onnx.load(path, load_external_data=False)
        for tensor in model.graph.initializer:
            tensor.external_data[0].value = "../weights.bin"
        path.write_bytes(model.SerializeToString())
    elif damage == "text":
        path.write_text("this is no model")
    else:
        path = tmp_path
    with pytest.raises(ModelError) as told:
        imported(path, tmp_path / "model")
    assert str(weights if damage in ("missing", "cut") else path) in str(told.value)
    assert "\n" not in str(told.value)


def test_what_is_there_already_stays(tmp_path: Path) -> None:
    """A folder that holds something is refused before anything is read; an empty one is taken."""
    path = image_encoder(tmp_path / "clip.onnx")
    (tmp_path / "model").mkdir()
    imported(path, tmp_path / "model")
    before = (tmp_path / "model" / "config.json").read_bytes()
    with pytest.raises(FolderError, match="is there already"):
        imported(image_encoder(tmp_path / "b.onnx", seed=1), tmp_path / "model")
    assert (tmp_path / "model" / "config.json").read_bytes() == before


def test_towers_of_two_spaces_are_refused(tmp_path: Path) -> None:
    """Their cosines would say nothing."""
    other = image_encoder(tmp_path / "b.onnx", dimension=9)
    with pytest.raises(ModelError, match=r"b\.onnx answers 9 values and .*a\.onnx 24"):
        imported(
            image_encoder(tmp_path / "a.onnx"),
            tmp_path / "model",
            sketch=Side(Source(other), HALF, CROP),
        )
