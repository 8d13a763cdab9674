"""A backbone of one's own: examples/python/patches.py, from network to services."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from encoder_service.runtimes.base import warm
from encoder_service.runtimes.onnx import OnnxRuntime
from encoder_service.runtimes.torch import TorchRuntime
from sketchzoo.images import Modality, Preprocessing
from sketchzoo.model import ModelArtefact, RunRecord
from sketchzoo.model_error import ModelError
from sketchzoo.tower_config import TowerConfig
from sketchzoo.towers import build_tower, load_tower
from sketchzoo_training.models.export import export_artefact

EXAMPLES = Path(__file__).parents[3] / "examples" / "python"
PATCHES = {"backbone": "patches:backbone", "head": {"kind": "linear", "dimension": 24}}


@pytest.fixture(scope="module")
def artefact(tmp_path_factory: pytest.TempPathFactory) -> ModelArtefact:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLES)
        torch.manual_seed(0)
        net = build_tower(PATCHES, channels=1)
        described = TowerConfig("own", Preprocessing(64, "letterbox", (0.5,), (0.5,)), PATCHES)
        folder = tmp_path_factory.mktemp("own")
        run = RunRecord("siamese", "0123456789abcdef", "fedcba9876543210", seed=0, steps=1)
        export_artefact(folder, "own", dict.fromkeys(Modality, (described, net)), run=run)
    del sys.modules["patches"]
    return ModelArtefact.load(folder)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_its_model_serves_where_it_is_not_installed(artefact: ModelArtefact) -> None:
    """ONNX Runtime needs the graph alone, of any dimension."""
    runtime = OnnxRuntime(artefact)
    warm(runtime, artefact)
    assert artefact.dimension == 24
    with pytest.raises(ModelError, match=r"own tower: .*'patches:backbone' of sketchzoo.backbones"):
        load_tower(artefact, Modality.PHOTO)


def test_torch_serves_it_where_it_is(
    artefact: ModelArtefact, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by Python, the plug-in makes the network, and both runtimes agree to .9999."""
    monkeypatch.syspath_prepend(EXAMPLES)
    images = list(np.random.default_rng(0).integers(0, 256, (3, 64, 64, 1), np.uint8))
    here = TorchRuntime(artefact, device="cpu").embed(Modality.SKETCH, images)
    there = OnnxRuntime(artefact).embed(Modality.SKETCH, images)
    monkeypatch.delitem(sys.modules, "patches")
    assert (here * there).sum(axis=1).min() > 0.9999


def test_an_installed_one_is_found_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package's entry point of `sketchzoo.backbones` stands for module and function."""
    made = tmp_path / "of_mine-1.dist-info"
    made.mkdir()
    (made / "METADATA").write_text("Metadata-Version: 2.1\nName: of-mine\nVersion: 1\n")
    (made / "entry_points.txt").write_text("[sketchzoo.backbones]\nmine = patches:backbone\n")
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.syspath_prepend(tmp_path)
    net = build_tower(PATCHES | {"backbone": "mine"}, channels=3)
    monkeypatch.delitem(sys.modules, "patches")
    assert net(torch.rand(2, 3, 32, 32)).shape == (2, 24)
    with pytest.raises(ValueError, match=r"'yours' is no entry point .*there are: mine"):
        build_tower(PATCHES | {"backbone": "yours"})
