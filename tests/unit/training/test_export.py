"""What training leaves for services: weights stored once, and graphs that answer as torch does."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch import nn

from sketchzoo.heads import NormaliseHead
from sketchzoo.images import Modality, Preprocessing
from sketchzoo.model import ModelArtefact, RunRecord
from sketchzoo.model_error import ModelError
from sketchzoo.onnx import open_session
from sketchzoo.tower_config import TowerConfig
from sketchzoo.towers import TowerNetwork, build_tower, load_tower
from sketchzoo_training.models.export import ParityError, export_artefact, parity, write_tower
from sketchzoo_training.models.imagenet import imagenet

PREPARED = Preprocessing(64, "ink", (0.5,), (0.5,))
LITE = {
    "backbone": "efficientnet_lite0",
    "head": {
        "kind": "posterior",
        "classes": 7,
        "shared": 5,
        "general": 8,
        "temperature": 0.7,
        "weight": 0.8,
    },
}


RUN = RunRecord("towers", "0123456789abcdef", "fedcba9876543210", seed=0, steps=1)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(scope="module")
def trained() -> TowerNetwork:
    torch.manual_seed(0)
    tower = build_tower(LITE, channels=1)
    imagenet(tower.backbone, "efficientnet_lite0")
    return tower.eval()


@pytest.fixture(scope="module")
def exported(trained: TowerNetwork, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One network for both modalities, which prepare their images otherwise."""
    folder = tmp_path_factory.mktemp("exported")
    towers = {
        modality: (TowerConfig(str(modality), replace(PREPARED, keep=keep), LITE, "both"), trained)
        for modality, keep in zip(Modality, (1.0, 0.8), strict=True)
    }
    export_artefact(folder, "tiny", towers, run=RUN, classes=("ant", "bee"))
    return folder


@pytest.fixture
def linear() -> TowerNetwork:
    """Return the least network whose weights are worth halving: it exports at once."""
    torch.manual_seed(0)
    return TowerNetwork(nn.Sequential(nn.Flatten(), nn.Linear(64 * 64, 8)), NormaliseHead())


def test_an_exported_model_answers_as_torch_does(trained: TowerNetwork, exported: Path) -> None:
    """ONNX Runtime, torch with the stored weights and the trained network agree to .9999."""
    artefact = ModelArtefact.load(exported)
    assert artefact.dimension == 5 + 1 + 8
    assert artefact.classes == ("ant", "bee")
    assert artefact.run == RUN
    images = torch.rand(3, 1, 64, 64) * 2 - 1
    for net in (trained, load_tower(artefact, Modality.SKETCH)):
        assert parity(net, artefact.onnx(Modality.SKETCH), images) > 0.9999
    (one,) = open_session(artefact.onnx(Modality.PHOTO)).run(
        ["embedding"], {"images": images[:1].numpy()}
    )
    assert one.shape == (1, 14)
    assert np.isclose(np.linalg.norm(one), 1, atol=1e-5)


def test_each_weight_is_stored_once(trained: TowerNetwork, exported: Path) -> None:
    """The graph names the safetensors file, where most weights are in half precision."""
    full = sum(value.nbytes for value in trained.state_dict().values())
    assert (exported / "both.safetensors").stat().st_size < 0.56 * full
    assert (exported / "both.onnx").stat().st_size < 0.01 * full


def test_towers_of_one_network_share_its_files(exported: Path) -> None:
    """A Siamese network prepares photos otherwise than sketches, and is stored once."""
    names = ["both.onnx", "both.safetensors", "config.json"]
    assert sorted(path.name for path in exported.iterdir()) == names
    towers = ModelArtefact.load(exported).towers
    assert [towers[modality].preprocessing.keep for modality in Modality] == [1.0, 0.8]


@pytest.mark.parametrize(("largest", "stored"), [(1.0, "F16"), (1e5, "F32")])
def test_weights_that_half_precision_cannot_hold_stay_whole(
    linear: TowerNetwork, tmp_path: Path, largest: float, stored: str
) -> None:
    """A value beyond 65,504 would become infinite: that tower is stored in float32."""
    with torch.no_grad():
        linear.backbone.get_submodule("1").weight[0, 0] = largest
    write_tower(linear, TowerConfig("one", PREPARED, {}), tmp_path)
    with safe_open(tmp_path / "one.safetensors", "np") as file:
        assert file.get_slice("backbone.1.weight").get_dtype() == stored
        assert file.get_slice("backbone.1.bias").get_dtype() == "F32"


@pytest.mark.parametrize("answers", [0.9, float("nan")])
def test_a_graph_that_disagrees_with_torch_is_refused(
    linear: TowerNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: float
) -> None:
    """No artefact is written whose graph answers otherwise than its network, or nothing."""
    towers = dict.fromkeys(Modality, (TowerConfig("one", PREPARED, {}), linear))
    monkeypatch.setattr("sketchzoo_training.models.export.parity", lambda *_: answers)
    with pytest.raises(ParityError, match="agrees with torch to cosine"):
        export_artefact(tmp_path, "one", towers, run=RUN)
    with pytest.raises(ModelError, match="no config"):
        ModelArtefact.load(tmp_path)


def test_a_head_of_three_parts_is_the_same_as_a_graph(tmp_path: Path) -> None:
    """Class, general and shape part, and a sketch's doubt, come out of ONNX as of torch."""
    torch.manual_seed(0)
    head = {"kind": "parts", "classes": 7, "shared": 5, "general": 8, "shape": 6, "cell": 4}
    settings = {"grid": 3, "temperature": 0.7, "weights": [0.5, 0.3, 0.2], "doubt": 0.5}
    tower = build_tower({"backbone": "efficientnet_lite0", "head": {**head, **settings}}, 1)
    imagenet(tower.backbone, "efficientnet_lite0")
    config = TowerConfig("sketch", PREPARED, {})
    assert write_tower(tower, config, tmp_path) == 6 + 8 + 6
