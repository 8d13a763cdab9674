"""The ONNX runtime and the promises of an artefact."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from encoder_service.runtimes.base import agreeing, warm
from encoder_service.runtimes.onnx import OnnxRuntime
from sketchzoo.images import Modality
from sketchzoo.model_error import ModelError
from sketchzoo.parts import Layout
from tests.artefacts import tiny_model


def test_one_image_and_many_give_the_same_vectors(tmp_path: Path) -> None:
    """Whether images come alone or together changes nothing."""
    runtime = OnnxRuntime(tiny_model(tmp_path))
    images = list(np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8))
    together = runtime.embed(Modality.PHOTO, images)
    alone = np.concatenate([runtime.embed(Modality.PHOTO, [image]) for image in images])
    np.testing.assert_allclose(together, alone, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)


def test_an_image_alone_has_the_vector_it_has_beside_others(tmp_path: Path) -> None:
    """Several threads for one image change how soon it is done, not what comes out."""
    runtime = OnnxRuntime(tiny_model(tmp_path), threads_alone=2)
    image = [np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)]
    np.testing.assert_allclose(
        runtime.embed(Modality.PHOTO, image, alone=True),
        runtime.embed(Modality.PHOTO, image),
        atol=1e-6,
    )


def test_each_modality_has_its_own_tower(tmp_path: Path) -> None:
    """Sketch and photo of the same pixels differ, unless the model shares its tower."""
    image = [np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)]
    own = OnnxRuntime(tiny_model(tmp_path / "own"))
    assert not np.allclose(own.embed(Modality.PHOTO, image), own.embed(Modality.SKETCH, image))
    shared = OnnxRuntime(tiny_model(tmp_path / "shared", shared=True))
    assert np.allclose(shared.embed(Modality.PHOTO, image), shared.embed(Modality.SKETCH, image))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The message names the file that is not there."""
    artefact = tiny_model(tmp_path)
    artefact.onnx(Modality.SKETCH).unlink()
    with pytest.raises(ModelError, match=r"sketch\.onnx is missing"):
        OnnxRuntime(artefact)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    """The message names the file that cannot be loaded."""
    artefact = tiny_model(tmp_path)
    artefact.onnx(Modality.PHOTO).write_bytes(b"not a model")
    with pytest.raises(ModelError, match=r"photo\.onnx is no model"):
        OnnxRuntime(artefact)


def test_a_graph_reaches_no_file_out_of_its_folder(tmp_path: Path) -> None:
    """A model from elsewhere cannot have other files read as its weights."""
    artefact = tiny_model(tmp_path / "model", shared=True)
    path = artefact.onnx(Modality.PHOTO)
    (tmp_path / "model" / "model.safetensors").rename(tmp_path / "other")
    graph = onnx.load(path, load_external_data=False)
    graph.graph.initializer[0].external_data[0].value = "../other"
    path.write_bytes(graph.SerializeToString())
    with pytest.raises(ModelError, match=r"model\.onnx is no model"):
        OnnxRuntime(artefact)


def test_other_inputs_are_refused(tmp_path: Path) -> None:
    """A graph that names its input otherwise was not exported for this service."""
    artefact = tiny_model(tmp_path, shared=True)
    graph = onnx.load(artefact.onnx(Modality.PHOTO))
    graph.graph.input[0].name = graph.graph.node[0].input[0] = "pixels"
    onnx.save(graph, artefact.onnx(Modality.PHOTO))
    with pytest.raises(ModelError, match="must map images to embedding"):
        OnnxRuntime(artefact)


def test_a_wrong_dimension_is_found_before_serving(tmp_path: Path) -> None:
    """config.json and the network must agree."""
    artefact = tiny_model(tmp_path, dimension=8)
    with pytest.raises(ModelError, match="states dimension 9"):
        warm(OnnxRuntime(artefact), replace(artefact, dimension=9, layout=Layout.whole(9)))


def test_a_norm_other_than_one_is_found_before_serving(tmp_path: Path) -> None:
    """The contract promises unit vectors."""
    artefact = tiny_model(tmp_path, shared=True)
    graph = onnx.load(artefact.onnx(Modality.PHOTO))
    (unit,) = [node for node in graph.graph.node if node.op_type == "LpNormalization"]
    unit.op_type = "Identity"
    del unit.attribute[:]
    onnx.save(graph, artefact.onnx(Modality.PHOTO))
    with pytest.raises(ModelError, match="must have norm 1"):
        warm(OnnxRuntime(artefact), artefact)


def test_values_that_are_not_finite_are_found_before_serving(tmp_path: Path) -> None:
    """A tower whose weights are broken never answers a call."""
    artefact = tiny_model(tmp_path, shared=True)
    graph = onnx.load(artefact.onnx(Modality.PHOTO))
    graph.graph.node[-1].op_type = "Log"  # of projections, half of which are negative
    del graph.graph.node[-1].attribute[:]
    onnx.save(graph, artefact.onnx(Modality.PHOTO))
    with pytest.raises(ModelError, match="not finite"):
        warm(OnnxRuntime(artefact), artefact)


def test_runtimes_of_one_model_agree(tmp_path: Path) -> None:
    """The same weights come to the same embedding of either modality's image."""
    artefact = tiny_model(tmp_path)
    assert agreeing(OnnxRuntime(artefact), OnnxRuntime(artefact), artefact) == pytest.approx(1)


def test_a_runtime_that_embeds_otherwise_is_refused(tmp_path: Path) -> None:
    """What a device makes of an image must be what float32 makes of it."""
    artefact = tiny_model(tmp_path / "one")
    other = OnnxRuntime(tiny_model(tmp_path / "other", seed=1))
    with pytest.raises(ModelError, match=r"run by onnx on cpu, embeds an image with a cosine of"):
        agreeing(other, OnnxRuntime(artefact), artefact)
