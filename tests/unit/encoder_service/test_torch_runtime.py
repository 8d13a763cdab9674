"""The torch runtime, on the CPU device; `test_cuda.py` has what needs a GPU."""

import gc
import random
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch

import encoder_service.runtimes.torch as torch_runtime
from encoder_service.runtimes.base import DeviceError, warm
from encoder_service.runtimes.onnx import OnnxRuntime
from encoder_service.runtimes.program import Program
from encoder_service.runtimes.stream import CpuStream
from encoder_service.runtimes.torch import Float32, TorchRuntime, batch_sizes
from sketchzoo.images import Modality, Square, decode, normalised, squared
from sketchzoo.model import ModelArtefact
from sketchzoo.model_error import ModelError
from sketchzoo.towers import load_tower
from tests.artefacts import drawing, picture, torch_model


@pytest.fixture(autouse=True)
def one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch's threads wait for each other for long where others need the cores too."""
    monkeypatch.setattr(torch_runtime, "available_cores", lambda: 1)


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


def test_a_size_gets_its_program_once_batches_of_it_come(
    artefact: ModelArtefact, images: list[Square]
) -> None:
    """Until then a batch is padded further: the answer is the same, and nobody waits."""
    runtime = TorchRuntime(artefact, device="cpu", max_batch=8)
    assert {size for _, size in runtime.programs} == {1, 8}
    first = runtime.embed(Modality.PHOTO, images[:3])
    made = runtime.embed(Modality.PHOTO, images[:3])
    runtime.settle()
    assert (Modality.PHOTO, 4) in runtime.programs
    assert (Modality.SKETCH, 4) not in runtime.programs
    then = runtime.embed(Modality.PHOTO, images[:3])
    np.testing.assert_allclose(then, first, atol=1e-6)
    np.testing.assert_allclose(then, made, atol=1e-6)


def test_a_size_without_a_program_is_padded_for_good(
    artefact: ModelArtefact, images: list[Square], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A capture that finds no memory costs no answer and is not tried again and again."""
    runtime = TorchRuntime(artefact, device="cpu", max_batch=8)
    expected = runtime.embed(Modality.PHOTO, images)
    tried = []

    def failing(*arguments: object) -> None:
        tried.append(arguments)
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(CpuStream, "capture", failing)
    for _ in range(3):
        np.testing.assert_allclose(
            runtime.embed(Modality.PHOTO, images[:2]), expected[:2], atol=1e-6
        )
        runtime.settle()
    assert len(tried) == 1


def test_the_runtime_owns_what_its_programs_read(
    artefact: ModelArtefact, images: list[Square], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A CUDA graph keeps nothing alive: weights and buffers live as long as the runtime.

    Here a program stands for a graph: it holds nothing, and knows all it works on by weak
    references, which are all that is left of any other reference.
    """
    known: list[weakref.ref[torch.Tensor]] = []

    class Graph(Program):
        def __init__(self, *parts: Any) -> None:
            network, squares, vectors = parts
            super().__init__(*parts)
            own = [*network.parameters(), *network.buffers(), squares, vectors]
            known.extend(weakref.ref(each) for each in own)
            ways = [weakref.ref(each) for each in parts]
            self.replay = lambda: ways[2]().copy_(ways[0]()(ways[1]()))  # type: ignore[union-attr,misc] # they live

        def run(self) -> None:
            self.replay()

    monkeypatch.setattr(CpuStream, "capture", lambda _, *parts: Graph(*parts))
    expected = {m: Float32(artefact).embed(m, images) for m in Modality}
    runtime = TorchRuntime(artefact, device="cpu", max_batch=8)
    for count in (1, 2, 3, 7, 2, 3):
        gc.collect()
        for modality in Modality:
            vectors = runtime.embed(modality, images[:count])
            np.testing.assert_allclose(vectors, expected[modality][:count], atol=1e-4)
            runtime.settle()
    assert len(runtime.programs) == 8
    gc.collect()
    assert len(known) > 100
    assert all(each() is not None for each in known)
    del runtime
    gc.collect()
    assert all(each() is None for each in known)


def test_lanes_keep_their_batches_apart(
    artefact: ModelArtefact, images: list[Square], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two threads at once, both modalities, all sizes: each gets its own images' vectors."""
    monkeypatch.setattr(torch_runtime, "CPU_LANES", 2)
    runtime = TorchRuntime(artefact, device="cpu", max_batch=4)
    assert runtime.lanes == 2
    expected = {m: Float32(artefact).embed(m, images) for m in Modality}

    def ask(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(12):
            modality, at = chance.choice(list(Modality)), chance.randrange(4)
            count = chance.randrange(1, 5)
            vectors = runtime.embed(modality, images[at : at + count])
            wanted = expected[modality][at : at + len(vectors)]
            np.testing.assert_allclose(vectors, wanted, atol=1e-4)

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(ask, range(3)))


def test_a_failure_of_a_gpu_is_the_devices(
    artefact: ModelArtefact, images: list[Square], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its type says that the process must end; the text is CUDA's first line."""
    runtime = TorchRuntime(artefact, device="cpu", max_batch=2)

    def failing(_: Program) -> None:
        raise torch.AcceleratorError("CUDA error: unspecified launch failure\nCompile with ...")

    monkeypatch.setattr(Program, "run", failing)
    with pytest.raises(torch.AcceleratorError):
        runtime.embed(Modality.PHOTO, images[:1])
    monkeypatch.setattr(runtime, "_cuda", True)
    with pytest.raises(DeviceError, match=r"^cpu: CUDA error: unspecified launch failure$"):
        runtime.embed(Modality.PHOTO, images[:1])


def test_a_gpu_without_memory_is_named_at_the_start(
    artefact: ModelArtefact, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line that says what can be done, where torch's has twenty."""

    def failing(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 MiB")

    monkeypatch.setattr(CpuStream, "warm_up", failing)
    with pytest.raises(ModelError, match="cpu has too little memory for the model"):
        TorchRuntime(artefact, device="cpu")


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
