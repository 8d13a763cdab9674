from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from sketchzoo.images import Modality, Preprocessing
from sketchzoo.model import ModelArtefact, TowerConfig
from sketchzoo.towers import build_tower, load_tower
from sketchzoo_training.models.export import ParityError, export_artefact, parity, write_onnx
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


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_an_exported_model_answers_as_torch_does(tmp_path: Path) -> None:
    """ONNX Runtime, and torch with the stored weights, agree to cosine 0.9999."""
    torch.manual_seed(0)
    tower = build_tower(LITE, channels=1)
    imagenet(tower.backbone, "efficientnet_lite0")
    described = TowerConfig("both", PREPARED, LITE)
    export_artefact(
        tmp_path / "tiny",
        "tiny",
        dict.fromkeys(Modality, (described, tower)),
        classes=("ant", "bee"),
    )
    artefact = ModelArtefact.load(tmp_path / "tiny")
    assert artefact.dimension == 5 + 1 + 8
    assert artefact.classes == ("ant", "bee")
    images = torch.rand(3, 1, 64, 64) * 2 - 1
    assert (
        parity(load_tower(artefact, Modality.SKETCH), artefact.onnx(Modality.SKETCH), images)
        > 0.9999
    )
    session = onnxruntime.InferenceSession(artefact.onnx(Modality.PHOTO))
    (one,) = session.run(["embedding"], {"images": images[:1].numpy()})
    assert one.shape == (1, 14)
    assert np.isclose(np.linalg.norm(one), 1, atol=1e-5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("answers", [0.9, float("nan")])
def test_a_file_that_disagrees_with_torch_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: float
) -> None:
    """No artefact is written whose ONNX file answers otherwise than its network, or nothing."""
    described = {"backbone": "resnet18", "head": {"kind": "linear", "dimension": 4}}
    tower = build_tower(described).eval()
    monkeypatch.setattr("sketchzoo_training.models.export.parity", lambda *_: answers)
    with pytest.raises(ParityError, match="agrees with torch to cosine"):
        write_onnx(
            tower,
            TowerConfig("one", Preprocessing(32, "crop", (0.5,) * 3, (0.5,) * 3), {}),
            tmp_path / "one.onnx",
        )
