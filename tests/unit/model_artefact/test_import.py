"""Importing: encoders of any exporter become models."""

import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto
from safetensors import safe_open

from model_artefact import graph
from model_artefact.importing import Side, Square
from model_artefact.pictures import pictures
from model_artefact.running import Session
from model_artefact.source import Source
from model_artefact.tower import Pixels
from model_artefact.weights import Weights
from sketchzoo.images import Modality, prepare
from sketchzoo.model import ModelArtefact
from sketchzoo.model_error import ModelError
from tests.unit.model_artefact.exports import (
    DIMENSION,
    SIZE,
    beside,
    both_encoders,
    fixed_batch,
    image_encoder,
)
from tests.unit.model_artefact.imported import imported


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
