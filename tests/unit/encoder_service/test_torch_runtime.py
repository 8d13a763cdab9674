"""The torch runtime, on the CPU device."""

import gc
import weakref

import numpy as np
import pytest
import torch

import encoder_service.runtimes.torch as torch_runtime
from encoder_service.runtimes.base import warm
from encoder_service.runtimes.onnx import OnnxRuntime
from encoder_service.runtimes.torch import TorchRuntime, batch_sizes
from sketchzoo.images import Modality, Square, decode, normalised, squared
from sketchzoo.model import ModelArtefact, ModelError
from sketchzoo.towers import load_tower
from tests.artefacts import drawing, picture, torch_model


@pytest.fixture(scope="module")
def artefact(tmp_path_factory: pytest.TempPathFactory) -> ModelArtefact:
    return torch_model(tmp_path_factory.mktemp("torch"))


@pytest.fixture(scope="module")
def images() -> list[Square]:
    return list(np.random.default_rng(0).integers(0, 256, (7, 32, 32, 3), np.uint8))


def test_a_batch_is_what_the_network_gives_image_by_image(
    artefact: ModelArtefact, images: list[Square]
) -> None:
    """Padding to a fixed batch size and channels_last change no embedding."""
    runtime = TorchRuntime(artefact, device="cpu", max_batch=8)
    warm(runtime, artefact)
    net = load_tower(artefact, Modality.PHOTO)
    how = artefact.towers[Modality.PHOTO].preprocessing
    inputs = [normalised(image, how) for image in images]
    with torch.inference_mode():
        expected = net(torch.from_numpy(np.stack(inputs))).numpy()
    np.testing.assert_allclose(runtime.embed(Modality.PHOTO, images), expected, atol=1e-4)
    np.testing.assert_allclose(runtime.embed(Modality.PHOTO, images[:1]), expected[:1], atol=1e-4)


def test_half_precision_stays_close_and_of_norm_one(
    artefact: ModelArtefact, images: list[Square]
) -> None:
    """bfloat16 runs on CPUs too: the embeddings point nearly the same way."""
    full = TorchRuntime(artefact, device="cpu").embed(Modality.SKETCH, images)
    half = TorchRuntime(artefact, device="cpu", precision="bfloat16").embed(Modality.SKETCH, images)
    assert half.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(half, axis=1), 1, atol=1e-6)
    assert (full * half).sum(axis=1).min() > 0.99


def test_batches_are_padded_to_powers_of_two() -> None:
    """Few fixed sizes, the limit among them."""
    assert batch_sizes(1) == (1,)
    assert batch_sizes(8) == (1, 2, 4, 8)
    assert batch_sizes(12) == (1, 2, 4, 8, 12)


@pytest.mark.parametrize("count", [0, 5])
def test_a_batch_outside_the_limit_is_refused(
    artefact: ModelArtefact,
    images: list[Square],
    count: int,
) -> None:
    """The batcher never does this; a caller that does is told the limit."""
    runtime = TorchRuntime(artefact, device="cpu", max_batch=4)
    with pytest.raises(ValueError, match="images must hold 1 to 4"):
        runtime.embed(Modality.PHOTO, images[:count])


def test_the_runtime_keeps_what_its_graphs_read(
    artefact: ModelArtefact, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that holds no reference, as a CUDA graph holds none, has its weights still."""
    weights: list[weakref.ref[torch.Tensor]] = []
    load = load_tower

    def loading(model: ModelArtefact, modality: Modality) -> torch.nn.Module:
        net = load(model, modality)
        weights.extend(weakref.ref(each) for each in net.parameters())
        return net

    monkeypatch.setattr(torch_runtime, "load_tower", loading)
    monkeypatch.setattr(torch_runtime, "_eager", lambda _: lambda batch: batch.mean((2, 3)))
    runtime = TorchRuntime(artefact, device="cpu")
    gc.collect()
    assert weights
    assert all(each() is not None for each in weights)
    del runtime
    gc.collect()
    assert all(each() is None for each in weights)


def test_a_device_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, where torch would end in an error of its own at the first copy."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ModelError, match="cuda:7: this machine has 1 CUDA devices"):
        torch_runtime._device("cuda:7")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_cuda_where_there_is_none_is_refused(artefact: ModelArtefact) -> None:
    """Asked for CUDA, the encoder does not fall back in silence."""
    with pytest.raises(ModelError, match="no CUDA here"):
        TorchRuntime(artefact, device="cuda")


@pytest.mark.parametrize("modality", Modality)
def test_the_shipped_model_is_the_same_in_both_runtimes(modality: Modality) -> None:
    """Torch in float32, on CUDA where there is one, and ONNX Runtime agree to .9999."""
    artefact = ModelArtefact.load("zoo-1")
    content = picture if modality is Modality.PHOTO else drawing
    images = [
        squared(decode(content(seed)), artefact.towers[modality].preprocessing) for seed in range(4)
    ]
    there = OnnxRuntime(artefact).embed(modality, images)
    here = TorchRuntime(artefact, precision="float32", max_batch=4).embed(modality, images)
    assert (here * there).sum(axis=1).min() > 0.9999
    assert (here[0] * here[1]).sum() < 0.9999  # embeddings tell the images apart


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_cuda_agrees_with_the_cpu(artefact: ModelArtefact, images: list[Square]) -> None:
    """Graphs, pinned memory and half precision change no neighbour."""
    cpu = TorchRuntime(artefact, device="cpu").embed(Modality.PHOTO, images)
    cuda = TorchRuntime(artefact, device="cuda").embed(Modality.PHOTO, images)
    assert (cpu * cuda).sum(axis=1).min() > 0.999
