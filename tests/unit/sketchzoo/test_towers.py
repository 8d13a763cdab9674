from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from sketchzoo.heads import PosteriorHead
from sketchzoo.images import Modality
from sketchzoo.model_error import ModelError
from sketchzoo.towers import BACKBONES, build_tower, load_tower, load_weights, save_weights
from tests.artefacts import tiny_model

POSTERIOR = {
    "kind": "posterior",
    "classes": 5,
    "shared": 3,
    "general": 4,
    "temperature": 1.0,
    "weight": 0.8,
}


@pytest.mark.parametrize(
    ("head", "length"),
    [
        ({"kind": "normalise"}, 512),
        ({"kind": "study", "dimension": 16, "normalise": True}, 16),
        ({"kind": "linear", "dimension": 32}, 32),
        (POSTERIOR, 8),
    ],
)
def test_embeddings_have_norm_one(head: dict[str, object], length: int) -> None:
    """Whatever its head, a tower that is compared by cosine answers unit vectors."""
    tower = build_tower({"backbone": "resnet18", "head": head}).eval()
    with torch.inference_mode():
        embedding = tower(torch.rand(2, 3, 64, 64))
    assert embedding.shape == (2, length)
    assert torch.allclose(embedding.norm(dim=1), torch.ones(2), atol=1e-5)


def test_classes_of_one_modality_count_as_something_else() -> None:
    """A posterior on classes that are not shared meets no photo of a shared one."""
    sketch = PosteriorHead(5, 5, 3, 4, temperature=1.0, weight=1.0)
    photo = PosteriorHead(5, 3, 3, 4, temperature=1.0, weight=1.0)
    with torch.no_grad():
        for head in (sketch, photo):
            head.classifier.bias.zero_()
            head.classifier.weight.copy_(torch.eye(5)[: head.classifier.out_features] * 30)
    things = torch.eye(5)
    scores = sketch(things) @ photo(things[:3]).T
    assert torch.allclose(scores[:3], torch.eye(3), atol=1e-3)
    assert scores[3:].max() < 1e-3


def test_two_posteriors_multiply_to_their_bhattacharyya_coefficient() -> None:
    """The cosine of two embeddings is the overlap of what both modalities believe."""
    head = PosteriorHead(3, 3, 3, 4, temperature=1.0, weight=1.0)
    features = torch.randn(2, 3)
    believed = torch.softmax(head.classifier(features), dim=1)
    embedding = head(features)
    expected = (believed[0] * believed[1]).sqrt().sum()
    assert torch.allclose(embedding[0] @ embedding[1], expected, atol=1e-3)


@pytest.mark.parametrize("temperature", [0.0, -1.0])
def test_a_temperature_must_be_above_zero(temperature: float) -> None:
    """A head refuses a temperature that no softmax has."""
    with pytest.raises(ValueError, match="temperature"):
        PosteriorHead(3, 3, 3, 4, temperature=temperature, weight=1.0)


def test_an_unknown_backbone_is_refused_by_name() -> None:
    """The message lists what may be built."""
    with pytest.raises(ValueError, match=BACKBONES[0]):
        build_tower({"backbone": "vgg16"})


def test_an_unknown_head_is_refused_by_name() -> None:
    """The message names the heads there are."""
    with pytest.raises(ValueError, match="posterior"):
        build_tower({"backbone": "resnet18", "head": {"kind": "arc"}})


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    """Weights that do not fit the description name their file."""
    path = tmp_path / "tower.safetensors"
    save_file({"something": torch.zeros(1)}, path)
    tower = build_tower({"backbone": "resnet18", "head": {"kind": "normalise"}})
    with pytest.raises(ModelError, match=r"tower\.safetensors"):
        load_weights(tower, path)


def test_missing_weights_are_named(tmp_path: Path) -> None:
    """A missing weights' file is an error of the model's, with its path."""
    tower = build_tower({"backbone": "resnet18", "head": {"kind": "normalise"}})
    with pytest.raises(ModelError, match="missing"):
        load_weights(tower, tmp_path / "none.safetensors")


def test_weights_name_the_run_that_made_them(tmp_path: Path) -> None:
    """Asked for one run's weights, another's are refused, and so are those of none."""
    tower = build_tower({"backbone": "resnet18"})
    save_weights(tower, tmp_path / "mine.safetensors", "mine")
    load_weights(tower, tmp_path / "mine.safetensors")
    load_weights(tower, tmp_path / "mine.safetensors", run="mine")
    with pytest.raises(ModelError, match="made by mine, not by yours"):
        load_weights(tower, tmp_path / "mine.safetensors", run="yours")
    save_file(tower.state_dict(), tmp_path / "whose.safetensors")
    with pytest.raises(ModelError, match="made by no run that it names"):
        load_weights(tower, tmp_path / "whose.safetensors", run="mine")


def test_damaged_weights_are_named(tmp_path: Path) -> None:
    """A file that was cut is one line."""
    tower = build_tower({"backbone": "resnet18"})
    path = tmp_path / "tower.safetensors"
    save_weights(tower, path, "mine")
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ModelError, match=r"tower\.safetensors is no whole safetensors file"):
        load_weights(tower, path)


def test_an_imported_tower_is_no_network_in_torch(tmp_path: Path) -> None:
    """Its graph is all that there is; the line says which runtime runs it."""
    artefact = tiny_model(tmp_path)
    towers = {
        modality: replace(tower, network={"kind": "onnx"})
        for modality, tower in artefact.towers.items()
    }
    with pytest.raises(ModelError, match=r"imported as an ONNX graph, .* with the runtime onnx"):
        load_tower(replace(artefact, towers=towers), Modality.PHOTO)
