"""Centring: a photo's general part without what all photos have in common."""

from pathlib import Path

import pytest
import torch

from sketchzoo.model import ModelArtefact
from sketchzoo_training.recipes.joint.centring import centre
from sketchzoo_training.recipes.joint.material import Material, load_material
from sketchzoo_training.recipes.joint.network import network_of
from sketchzoo_training.recipes.joint.said import photos_as_shown
from tests.unit.training.tiny_joint import tiny


@pytest.fixture
def material(pairs: Path, begun: ModelArtefact, tmp_path: Path) -> Material:
    return load_material(pairs, tiny(begun), begun, tmp_path / "cache")


def test_photos_have_nothing_in_common_in_their_general_part(
    begun: ModelArtefact, material: Material
) -> None:
    """What training's photos say in the mean is taken off; all else of the tower stays."""
    tower = network_of(begun, tiny(begun).network).photo.eval()
    before = {name: value.clone() for name, value in tower.state_dict().items()}
    centre(tower, material)
    pictures = material.pictures
    squares = pictures.squares[pictures.where("train", "anything")]
    with torch.inference_mode():
        maps = torch.cat([tower.maps(images) for images in photos_as_shown(squares)])
        said = tower.head.general(maps.mean((2, 3)))
    assert torch.allclose(said.mean(0), torch.zeros(said.shape[1]), atol=1e-6)
    assert (said.norm(dim=1) > 1e-3).all()
    changed = [name for name, value in tower.state_dict().items() if not value.equal(before[name])]
    assert changed == ["head.general.bias"]
