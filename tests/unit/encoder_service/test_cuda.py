"""What only a GPU can show, and its twin on the CPU; `--only gpu` of the benchmarks runs it too."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.device import (
    LEAST_COSINE,
    Known,
    lowest_cosine,
    prepare_every_size,
    upset_allocator,
)
from encoder_service.runtimes.onnx import OnnxRuntime
from encoder_service.runtimes.torch import Float32, TorchRuntime
from sketchzoo.images import Modality, decode, squared
from sketchzoo.model import ModelArtefact
from tests.artefacts import drawing, picture, torch_model

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")


def shipped() -> tuple[ModelArtefact, Mapping[Modality, Known]]:
    artefact = ModelArtefact.load("zoo-1")
    onnx = OnnxRuntime(artefact)
    known = {}
    for modality, content in ((Modality.PHOTO, picture), (Modality.SKETCH, drawing)):
        how = artefact.towers[modality].preprocessing
        squares = [squared(decode(content(seed)), how) for seed in range(32)]
        known[modality] = Known(squares, onnx.embed(modality, squares))
    return artefact, known


@needs_cuda
def test_answers_stay_right_whatever_becomes_of_other_memory() -> None:
    """Two lanes, both modalities, all sizes, 2,000 batches; freed memory is overwritten between."""
    artefact, known = shipped()
    runtime = TorchRuntime(artefact, device="cuda", max_batch=32)
    prepare_every_size(runtime, known)
    lowest, calls = lowest_cosine(runtime, known, calls=1000, seconds=300, upset=upset_allocator)
    assert calls == 2000
    assert lowest >= LEAST_COSINE


@needs_cuda
def test_programs_are_made_while_the_other_lane_answers() -> None:
    """Captures beside replays fail neither, and change no answer."""
    artefact, known = shipped()
    runtime = TorchRuntime(artefact, device="cuda", max_batch=32)
    lowest, _ = lowest_cosine(runtime, known, calls=500, seconds=300, upset=lambda: None)
    runtime.settle()
    assert lowest >= LEAST_COSINE
    assert len(runtime.programs) > 4


def test_the_loop_finds_an_answer_that_is_wrong(tmp_path: Path) -> None:
    """On the CPU: it is 1 where all is well, and falls where one vector is another image's."""
    artefact = torch_model(tmp_path)
    squares = list(np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8))
    reference = Float32(artefact)
    known = {m: Known(squares, reference.embed(m, squares)) for m in Modality}
    runtime = TorchRuntime(artefact, device="cpu", max_batch=4)
    upsets: list[None] = []
    prepare_every_size(runtime, known)
    lowest, calls = lowest_cosine(
        runtime, known, calls=5, seconds=60, upset=lambda: upsets.append(None)
    )
    assert lowest > 0.9999
    assert calls == len(upsets) == 10
    wrong = {m: Known(squares, -each.vectors) for m, each in known.items()}
    lowest, _ = lowest_cosine(runtime, wrong, calls=1, seconds=60, upset=lambda: None)
    assert lowest < 0
