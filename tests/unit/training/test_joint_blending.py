"""Blending: exported weights between those that a run began with and those that it came to."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from sketchzoo.model import ModelArtefact
from sketchzoo_training.errors import ConfigError
from sketchzoo_training.recipes.joint import run
from sketchzoo_training.recipes.joint.network import JointNetwork, network_of
from sketchzoo_training.recipes.joint.run import train_joint
from tests.unit.training.tiny_joint import THREE, tiny, write_begun


@pytest.mark.usefixtures("without_joint_export")
def test_what_is_exported_lies_between_both_weights(
    pairs: Path, begun: ModelArtefact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half-way by .5; what the run itself keeps, and what it goes on from, is what it learned."""
    shared, unseen = (begun.notes[key] for key in ("shared_classes", "unseen_classes"))
    artefact = write_begun(tmp_path, shared, unseen, THREE)
    exported: list[JointNetwork] = []
    monkeypatch.setattr(run, "assemble", lambda _, network, *_rest: exported.append(network))
    for blend in (0.5, 0.0):
        config = tiny(artefact).model_copy(update={"blend": blend})
        train_joint(config, pairs, tmp_path / "run")
    mixed, last = (network.state_dict() for network in exported)
    first = network_of(artefact, config.network).state_dict()
    name = "photo.head.shape.weight"
    assert not torch.equal(first[name], last[name])
    assert torch.allclose(mixed[name], (first[name] + last[name]) / 2, atol=1e-6)
    assert torch.equal(last[name], load_file(tmp_path / "run/last.safetensors")[name])


def test_parts_that_dice_drew_are_not_blended_with(
    pairs: Path, begun: ModelArtefact, tmp_path: Path
) -> None:
    """A run that begins without a shape part has none to keep: said before it trains."""
    config = tiny(begun).model_copy(update={"blend": 0.5})
    with pytest.raises(ConfigError, match="blend: begun has no general and shape part"):
        train_joint(config, pairs, tmp_path / "run")
    assert not (tmp_path / "run/run.json").exists()
