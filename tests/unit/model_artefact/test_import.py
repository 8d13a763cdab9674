"""Importing: encoders of any exporter become models, or say in one line why not."""

import json
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto
from safetensors import safe_open

from model_artefact import graph
from model_artefact.folder import FolderError
from model_artefact.importing import Plan, Side, Square, make
from model_artefact.pictures import pictures
from model_artefact.running import Session
from model_artefact.source import Source
from model_artefact.tower import Pixels
from model_artefact.weights import Weights
from sketchzoo.images import Modality, prepare
from sketchzoo.model import ModelArtefact, ModelError
from tests.unit.model_artefact.exports import (
    DIMENSION,
    SIZE,
    beside,
    both_encoders,
    fixed_batch,
    image_encoder,
)

HALF = Pixels((0.5,), (0.5,), SIZE)
CROP = Square("crop")


def imported(source: Source | Path, out: Path, **other: Any) -> ModelArtefact:
    """Import one graph for both modalities, sketches letterboxed."""
    source = Source(source) if isinstance(source, Path) else source
    pixels = other.pop("pixels", HALF)
    plan = Plan("tiny", Side(source, pixels, CROP), Square("letterbox"))
    make(replace(plan, **other), out)
    return ModelArtefact.load(out)


def embedded(artefact: ModelArtefact, modality: Modality = Modality.PHOTO) -> np.ndarray:
    """Embed the trial pictures with an artefact."""
    how = artefact.towers[modality].preprocessing
    images = np.stack([prepare(each, how) for each in pictures()])
    return Session(artefact.onnx(modality)).embed_each(images)


def answered(path: Path, output: str, artefact: ModelArtefact) -> np.ndarray:
    """Run the exporter's own file on the same pictures; rows of norm 1."""
    how = artefact.towers[Modality.PHOTO].preprocessing
    images = np.stack([prepare(each, how) for each in pictures()])
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (values,) = session.run([output], {"pixel_values": images})
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def test_an_encoder_becomes_a_model(tmp_path: Path) -> None:
    """Its embeddings are the exporter's own, of norm 1, under the names that the encoder knows."""
    path = image_encoder(tmp_path / "clip.onnx")
    artefact = imported(path, tmp_path / "model")
    assert artefact.dimension == DIMENSION
    assert artefact.name == "tiny"
    vectors = embedded(artefact)
    assert np.allclose(vectors, answered(path, "image_embeds", artefact), atol=1e-6)
    assert artefact.towers[Modality.PHOTO].stem == artefact.towers[Modality.SKETCH].stem
    assert artefact.towers[Modality.SKETCH].preprocessing.fit == "letterbox"
    names = sorted(file.name for file in artefact.folder.iterdir())
    assert names == ["LICENSE", "MODEL_CARD.md", "config.json", "photo.onnx", "photo.safetensors"]
    assert artefact.fingerprint in (artefact.folder / "MODEL_CARD.md").read_text()


@pytest.mark.parametrize(
    ("form", "tolerance"),
    [
        ({"shape": ("n", 3, SIZE, SIZE)}, 1e-6),
        ({"shape": (1, 3, SIZE, SIZE)}, 1e-6),
        ({"shape": ("n", SIZE, SIZE, 3)}, 1e-6),
        ({"dtype": TensorProto.FLOAT16}, 1e-2),
        ({"dtype": TensorProto.FLOAT16, "shape": ("n", "h", "w", 3)}, 1e-2),
        ({"inner": "images"}, 1e-6),
        ({"inner": "embedding"}, 1e-6),
        ({"listed_weights": True}, 1e-6),
        ({"outputs": ("pooler_output", "last_hidden_state", "image_embeds")}, 1e-6),
        ({"outputs": ("last_hidden_state", "pooler_output")}, 1e-6),
        ({"outputs": ("last_hidden_state", "other")}, 1e-6),
    ],
)
def test_exporters_differ_in_form_alone(
    form: dict[str, Any], tolerance: float, tmp_path: Path
) -> None:
    """Sizes left open, channels last, half precision, other outputs, names of our own inside."""
    plain = imported(image_encoder(tmp_path / "plain.onnx"), tmp_path / "expected")
    artefact = imported(image_encoder(tmp_path / "other.onnx", **form), tmp_path / "model")
    assert np.allclose(embedded(artefact), embedded(plain), atol=tolerance)
    session = onnxruntime.InferenceSession(artefact.onnx(Modality.PHOTO))
    (taken,) = session.get_inputs()
    assert (taken.name, taken.type) == ("images", "tensor(float)")
    assert taken.shape == ["n", 3, SIZE, SIZE]


@pytest.mark.parametrize(
    ("output", "pool", "axes"),
    [
        ("last_hidden_state", "mean", lambda values: values.mean(axis=1)),
        ("last_hidden_state", "cls", lambda values: values[:, 0]),
        ("maps", "mean", lambda values: values.mean(axis=(2, 3))),
    ],
)
def test_many_vectors_are_pooled_as_asked(
    output: str, pool: Any, axes: Any, tmp_path: Path
) -> None:
    """The first token or the mean of all, of a transformer's tokens and of a network's maps."""
    path = image_encoder(tmp_path / "dino.onnx", outputs=(output,))
    artefact = imported(Source(path, pool=pool), tmp_path / "model")
    how = artefact.towers[Modality.PHOTO].preprocessing
    images = np.stack([prepare(each, how) for each in pictures()])
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    expected = axes(session.run([output], {"pixel_values": images})[0])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert np.allclose(embedded(artefact), expected, atol=1e-5)


def test_a_norm_of_the_graphs_own_is_kept(tmp_path: Path) -> None:
    """Nothing is added to a graph that answers vectors of norm 1."""
    artefact = imported(image_encoder(tmp_path / "unit.onnx", unit=True), tmp_path / "model")
    ops = [node.op_type for node in graph.read(artefact.onnx(Modality.PHOTO)).graph.node]
    assert ops.count("LpNormalization") == 1
    assert artefact.towers[Modality.PHOTO].network["norm"] == "of the graph"


def test_a_batch_that_is_fixed_within_stays_one(tmp_path: Path) -> None:
    """The model serves one image at a time, and its configuration says so."""
    artefact = imported(fixed_batch(tmp_path / "fixed.onnx"), tmp_path / "model")
    assert artefact.towers[Modality.PHOTO].network["batch"] == 1
    assert embedded(artefact).shape == (3, 8)


def test_of_a_file_of_both_towers_a_tower_has_its_own_weights(tmp_path: Path) -> None:
    """What only texts need, inputs and weights, is left behind."""
    path = both_encoders(tmp_path / "clip.onnx")
    artefact = imported(path, tmp_path / "model")
    with safe_open(artefact.safetensors(Modality.PHOTO), "np") as file:
        assert list(file.keys()) == ["projection"]
    alone = imported(image_encoder(tmp_path / "alone.onnx"), tmp_path / "alone")
    assert np.allclose(embedded(artefact), embedded(alone), atol=1e-6)


def test_weights_beside_the_graph_are_taken_from_there(tmp_path: Path) -> None:
    """Also small ones, which stay in the graph; the exporter's file is not needed any more."""
    path = beside(image_encoder(tmp_path / "large.onnx"))
    artefact = imported(path, tmp_path / "model")
    (tmp_path / "weights.bin").unlink()
    alone = imported(image_encoder(tmp_path / "alone.onnx"), tmp_path / "alone")
    assert artefact.fingerprint == alone.fingerprint
    assert np.array_equal(embedded(artefact), embedded(alone))


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


def test_weights_beside_the_graph_are_never_all_in_memory(tmp_path: Path) -> None:
    """A model may be larger than memory: pieces go from file to file."""
    values = 48 << 20
    model = onnx.load(image_encoder(tmp_path / "large.onnx"))
    large = model.graph.initializer.add(name="large", dims=[values // 4], data_type=1)
    large.data_location = TensorProto.EXTERNAL
    large.external_data.add(key="location", value="large.bin")
    with (tmp_path / "large.bin").open("wb") as file:
        file.truncate(values)
    tracemalloc.start()
    Weights(model, tmp_path / "large.onnx").write(model, tmp_path / "out.safetensors")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (tmp_path / "out.safetensors").stat().st_size > values
    assert most < 8 << 20


def test_a_fingerprint_tells_which_values_are_the_embedding(tmp_path: Path) -> None:
    """The same weights, pooled otherwise, are another model; imported twice, they are the same."""
    path = image_encoder(tmp_path / "dino.onnx", outputs=("last_hidden_state",))
    found = [
        imported(Source(path, pool=pool), tmp_path / f"{number}").fingerprint
        for number, pool in enumerate(("cls", "mean", "mean"))
    ]
    assert found[1] == found[2]
    assert found[0] != found[1]


def test_a_graph_that_was_changed_is_refused(tmp_path: Path) -> None:
    """Of an imported model the graph belongs to the fingerprint."""
    artefact = imported(image_encoder(tmp_path / "clip.onnx"), tmp_path / "model")
    path = artefact.onnx(Modality.PHOTO)
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ModelError, match=r"photo\.onnx.*come to the fingerprint"):
        ModelArtefact.load(artefact.folder)


def test_sketches_may_have_a_tower_of_their_own(tmp_path: Path) -> None:
    """With its own size and scale."""
    sketch = Source(image_encoder(tmp_path / "b.onnx", seed=1), prefix="sketch-")
    pixels = Pixels((0.4,), (0.3,), SIZE)
    artefact = imported(
        image_encoder(tmp_path / "a.onnx"),
        tmp_path / "model",
        sketch=Side(sketch, pixels, Square("ink", 0.8, 3)),
    )
    tower = artefact.towers[Modality.SKETCH]
    assert tower.stem == "sketch"
    assert (tower.preprocessing.pen, tower.preprocessing.mean) == (3, (0.4,) * 3)
    assert not np.allclose(embedded(artefact), embedded(artefact, Modality.SKETCH), atol=0.1)


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


@pytest.mark.parametrize(
    ("stated", "expected"),
    [("Apache-2.0", "Apache-2.0\n"), ("terms.txt", "Do good.\nAlways.\n"), (None, "ask who made")],
)
def test_the_weights_terms_are_noted(
    stated: str | None, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a text, as a file's content, or that nobody said."""
    monkeypatch.chdir(tmp_path)
    Path("terms.txt").write_text("Do good.\nAlways.")
    artefact = imported(image_encoder(tmp_path / "a.onnx"), tmp_path / "model", licence=stated)
    assert expected in (artefact.folder / "LICENSE").read_text()
    config = json.loads((artefact.folder / "config.json").read_text())
    assert config["notes"]["licence"] == stated
