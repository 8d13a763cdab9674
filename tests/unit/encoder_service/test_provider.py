"""Execution providers: which one runs a model, and what is said of those that do not."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from encoder_service.runtimes.base import DeviceError
from encoder_service.runtimes.onnx import OnnxRuntime
from encoder_service.runtimes.provider import open_onnx
from encoder_service.settings import EncoderSettings
from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact
from sketchzoo.model_error import ModelError
from tests.artefacts import tiny_model

_CPU = "CPUExecutionProvider"


class Installed:
    """An ONNX Runtime with more execution providers than this machine has.

    They compute on the CPU. `failing` can't start; those `without_libraries` are left out of a
    session without a word; the others' embeddings go through `answer`.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
        self.failing: set[str] = set()
        self.without_libraries: set[str] = set()
        self.answer: Callable[[Any], Any] = lambda vectors: vectors
        self.sizes: list[int] = []
        self.asked: list[Any] = []
        session = onnxruntime.InferenceSession
        installed = self

        class Session(session):
            def __init__(self, path: Path, options: Any, providers: list[Any], **more: Any) -> None:
                installed.asked.append(providers)
                self.own = [each if isinstance(each, str) else each[0] for each in providers]
                if installed.failing & set(self.own):
                    raise RuntimeError("no such device")
                super().__init__(path, options, providers=[_CPU], **more)

            def get_providers(self) -> list[str]:
                return [name for name in self.own if name not in installed.without_libraries]

            def run(self, names: Any, inputs: Any, *more: Any) -> Any:
                vectors = super().run(names, inputs, *more)
                if self.own[0] == _CPU:
                    return vectors
                installed.sizes.append(len(inputs["images"]))
                return [installed.answer(each) for each in vectors]

        monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [*names, _CPU])


@pytest.fixture
def artefact(tmp_path: Path) -> ModelArtefact:
    return tiny_model(tmp_path)


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Installed:
    return Installed(monkeypatch, "TensorrtExecutionProvider", "CUDAExecutionProvider")


def _images(number: int) -> list[Any]:
    return list(np.random.default_rng(0).integers(0, 256, (number, 32, 32, 3), np.uint8))


def test_the_first_provider_that_is_there_runs(artefact: ModelArtefact, cuda: Installed) -> None:
    """It is what GetModel calls the device, and takes batches."""
    runtime = open_onnx(artefact, providers=["cuda", "cpu"], max_batch=8)
    assert (runtime.name, runtime.device, runtime.max_batch) == ("onnx", "cuda", 8)
    np.testing.assert_allclose(
        runtime.embed(Modality.PHOTO, _images(5)),
        OnnxRuntime(artefact).embed(Modality.PHOTO, _images(5)),
        atol=1e-6,
    )


def test_the_cpu_alone_looks_for_no_other(artefact: ModelArtefact, cuda: Installed) -> None:
    """The default, and what stands behind it in the list, stay as they are."""
    runtime = open_onnx(artefact, providers=["cpu", "cuda"], threads_alone=1)
    assert (runtime.device, runtime.max_batch) == ("cpu", 1)


def test_batches_are_filled_up(artefact: ModelArtefact, cuda: Installed) -> None:
    """A device prepares for a few numbers of images, all of them before the first call."""
    runtime = open_onnx(artefact, providers=["cuda"], max_batch=6)
    before = set(cuda.sizes)
    for number in range(1, 7):
        assert len(runtime.embed(Modality.SKETCH, _images(number))) == number
    assert before == set(cuda.sizes) == {1, 2, 4, 6}


@pytest.mark.parametrize("number", [0, 7])
def test_other_numbers_of_images_are_refused(
    number: int, artefact: ModelArtefact, cuda: Installed
) -> None:
    """No more than a device prepared for."""
    runtime = open_onnx(artefact, providers=["cuda"], max_batch=6)
    with pytest.raises(ValueError, match=f"images must hold 1 to 6, not {number}"):
        runtime.embed(Modality.SKETCH, _images(number))


def test_tensorrt_is_told_its_batches(artefact: ModelArtefact, cuda: Installed) -> None:
    """An engine of all sizes; and what it can't run, the provider behind it does."""
    assert open_onnx(artefact, providers=["tensorrt", "cuda"], max_batch=4).device == "tensorrt"
    (first, options), *others = cuda.asked[0]
    assert first == "TensorrtExecutionProvider"
    assert options["trt_profile_max_shapes"] == "images:4x3x32x32"
    assert others == ["CUDAExecutionProvider", _CPU]


def test_a_provider_that_is_not_installed_is_said(artefact: ModelArtefact) -> None:
    """With what is; the next one runs, and the CPU at last."""
    with capture_logs() as logs:
        runtime = open_onnx(artefact, providers=["cuda", "openvino"], threads_alone=1)
    assert runtime.device == "cpu"
    assert [(entry["log_level"], entry["provider"]) for entry in logs] == [
        ("warning", "cuda"),
        ("warning", "openvino"),
    ]
    assert all("cpu" in entry["installed"] for entry in logs)


@pytest.mark.parametrize("how", ["failing", "without_libraries"])
def test_a_provider_that_does_not_start_is_said(
    how: str, artefact: ModelArtefact, cuda: Installed
) -> None:
    """Whether ONNX Runtime raises, or goes on without it in silence."""
    getattr(cuda, how).add("TensorrtExecutionProvider")
    with capture_logs() as logs:
        runtime = open_onnx(artefact, providers=["tensorrt", "cuda"], max_batch=2)
    assert runtime.device == "cuda"
    assert (logs[0]["log_level"], logs[0]["provider"]) == ("warning", "tensorrt")


def _fail(_: Any) -> Any:
    raise RuntimeError("CUDA failure 700: an illegal memory access")


def test_a_provider_that_fails_later_is_a_broken_device(
    artefact: ModelArtefact, cuda: Installed
) -> None:
    """Later runs would fail as well: the encoder is to end, and be started anew."""
    runtime = open_onnx(artefact, providers=["cuda"], max_batch=2)
    cuda.answer = _fail
    with pytest.raises(DeviceError, match=r"^cuda: CUDA failure 700"):
        runtime.embed(Modality.PHOTO, _images(2))


@pytest.mark.parametrize("provider", ["cuda", "openvino"])
def test_a_provider_that_fails_when_it_is_tried_is_said(
    provider: str, artefact: ModelArtefact, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It opens the graph and can't run it, for want of memory for instance: the CPU can."""
    there = Installed(monkeypatch, "CUDAExecutionProvider", "OpenVINOExecutionProvider")
    there.answer = _fail
    with capture_logs() as logs:
        runtime = open_onnx(artefact, providers=[provider], threads_alone=1, max_batch=1)
    assert runtime.device == "cpu"
    assert "CUDA failure 700" in logs[0]["error"]


def test_a_graph_for_one_image_gets_one_at_a_time(artefact: ModelArtefact, cuda: Installed) -> None:
    """An imported model's exporter may have fixed the batch within, as config.json then says."""
    fixed = {
        modality: replace(tower, network={"kind": "onnx", "batch": 1})
        for modality, tower in artefact.towers.items()
    }
    runtime = open_onnx(replace(artefact, towers=fixed), providers=["cuda"], max_batch=8)
    assert runtime.max_batch == 1
    assert set(cuda.sizes) == {1}


def test_no_two_runs_are_under_way_at_once(artefact: ModelArtefact, cuda: Installed) -> None:
    """Not even where each worker runs its own image: DirectML allows none."""
    runtime = open_onnx(artefact, providers=["cuda"], max_batch=1)
    inside = threading.Semaphore(1)

    def answer(vectors: Any) -> Any:
        assert inside.acquire(blocking=False), "two at once"
        time.sleep(0.01)  # the others come meanwhile
        inside.release()
        return vectors

    cuda.answer = answer
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: runtime.embed(Modality.PHOTO, _images(1)), range(8)))


@pytest.mark.parametrize(
    "answer", [lambda vectors: vectors[:, ::-1], lambda vectors: vectors * np.nan]
)
def test_a_provider_that_embeds_otherwise_is_refused(
    answer: Callable[[Any], Any], artefact: ModelArtefact, cuda: Installed
) -> None:
    """A gallery embedded by others would be searched in vain."""
    cuda.answer = answer
    with pytest.raises(ModelError, match=r"run by onnx on cuda, embeds an image with a cosine"):
        open_onnx(artefact, providers=["cuda"], max_batch=2)


def test_a_damaged_model_is_named_whatever_runs_it(
    artefact: ModelArtefact, cuda: Installed
) -> None:
    """It is the model's fault, not the provider's: no other one helps."""
    artefact.onnx(Modality.PHOTO).write_bytes(b"not a model")
    with pytest.raises(ModelError, match=r"photo\.onnx is no model"):
        open_onnx(artefact, providers=["cuda"], threads_alone=1)


def test_providers_are_a_list_with_commas_in_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In order of preference."""
    monkeypatch.setenv("SKETCHZOO_ENCODER_PROVIDERS", "tensorrt, cuda,cpu")
    assert EncoderSettings().providers == ("tensorrt", "cuda", "cpu")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("tpu", "'tpu' is no execution provider: known are cpu, cuda, tensorrt, openvino"),
        ("cuda,cuda", "each once"),
        (",", "at least one of cpu, cuda"),
    ],
)
def test_an_unknown_provider_is_refused_with_the_known_ones(given: str, says: str) -> None:
    """A wrong name ends the start."""
    with pytest.raises(ValidationError, match=says):
        EncoderSettings(providers=given)  # type: ignore[arg-type] # as it stands in the environment
