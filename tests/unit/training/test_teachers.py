"""Teachers: trained first, asked, started from, averaged with."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from sketchzoo_training.engine.checkpoint import load_weights, save_weights
from sketchzoo_training.engine.processes import Share
from sketchzoo_training.errors import ConfigError
from sketchzoo_training.models.frozen import FrozenLayers
from sketchzoo_training.models.sketch_net import SketchNet
from sketchzoo_training.recipes.towers import run
from sketchzoo_training.recipes.towers.batches import batches
from sketchzoo_training.recipes.towers.drawings import load_drawings
from sketchzoo_training.recipes.towers.teachers import Teacher, distance
from sketchzoo_training.recipes.towers.thick import add_thick
from tests.unit.training.tiny_towers import changed, losses, tiny

TAUGHT: dict[str, Any] = {"teachers": ["first"]}


@pytest.mark.usefixtures("without_export")
def test_teachers_are_trained_first_and_then_asked(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A taught run has other losses than an untaught one; a trained teacher stays as it is."""
    monkeypatch.setattr(run, "read_preset", lambda _: changed(drawing={"size": 48}))
    run.train_towers(tiny(drawing={"size": 64}), data, tmp_path / "untaught")
    taught = tiny(drawing={"size": 64}, objective=TAUGHT)
    run.train_towers(taught, data, tmp_path / "taught")
    assert losses(tmp_path / "taught") != losses(tmp_path / "untaught")
    teacher = tmp_path / "taught" / "teachers" / "first"
    assert len(losses(teacher)) == 4
    before = (teacher / "last.safetensors").stat().st_mtime_ns
    run.train_towers(taught, data, tmp_path / "taught")
    assert (teacher / "last.safetensors").stat().st_mtime_ns == before


def test_a_teachers_own_teachers_come_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each generation finds those that teach it trained."""
    monkeypatch.setattr(run, "read_preset", lambda _: changed(objective=TAUGHT))
    in_order = tiny(objective={"teachers": ["first", "second"]})
    assert run.teacher_config(in_order, "second").objective.teachers == ("first",)
    with pytest.raises(ConfigError, match="first teaches second and must come before it"):
        run.teacher_config(tiny(objective={"teachers": ["second", "first"]}), "second")


@pytest.mark.usefixtures("without_export")
def test_a_network_starts_from_a_teacher(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It begins with the teacher's weights: at next to no rate it would still have them."""
    monkeypatch.setattr(run, "read_preset", lambda _: changed())
    still = tiny(
        schedule={"rate": 1e-12, "head_rate": 1e-12},
        objective=TAUGHT,
        network={"starts_from": "first"},
    )
    run.train_towers(still, data, tmp_path)
    theirs = load_weights(tmp_path / "teachers" / "first" / "network.safetensors")
    ours = load_weights(tmp_path / "network.safetensors")
    torch.testing.assert_close(ours["classifier.weight"], theirs["classifier.weight"])


def test_teachers_see_what_a_wide_pen_spoilt_as_it_was(data: Path) -> None:
    """A thick drawing comes with its original, drawn with the same turn and stretch."""
    config = tiny(data={"thick_from": 0, "thick_share": 0.9}, objective=TAUGHT)
    drawings = load_drawings(data, config)
    alone = len(drawings.labels)
    drawings = add_thick(drawings, data, config)
    # As if a wide pen had changed nothing: what is shown must then be the same, too.
    drawings.lines[alone:] = drawings.lines[drawings.made_of[alone:]]
    (batch,) = batches(
        drawings, [0, 1], config, steps=range(1), share=Share(), device=torch.device("cpu")
    )
    assert batch.spoilt.any()
    assert torch.equal(batch.images[batch.spoilt], batch.unspoilt)


def test_a_teachers_layers_go_on_from_the_frozen_ones() -> None:
    """It says of maps, and of larger images made small, what the whole network says."""
    net = SketchNet(3, 4, frozen=2).eval()
    frozen = FrozenLayers(net.still())
    teacher = Teacher(net.after(), frozen, 32)
    images = torch.rand(2, 1, 64, 64) * 2 - 1
    small = nn.functional.interpolate(images, (32, 32), mode="bilinear", antialias=True)
    with torch.inference_mode():
        expected = net.classifier(net.features(small))
    for asked in (images, small):
        said = teacher(asked, frozen(asked))
        torch.testing.assert_close(said, expected, rtol=1e-3, atol=1e-3)


def test_the_distance_to_an_opinion_is_least_for_the_same_opinion() -> None:
    """Agreeing logits leave no slope, at any temperature."""
    wanted = torch.tensor([[2.0, 0.0, -1.0]])
    logits = wanted.clone().requires_grad_()
    distance(logits, wanted, 2.0).backward()
    torch.testing.assert_close(logits.grad, torch.zeros(1, 3))


def test_a_network_is_averaged_with_a_teacher(tmp_path: Path) -> None:
    """Every weight and statistic is the mean of both; the teacher's file stays as it is."""
    mine, theirs = SketchNet(3, 4), SketchNet(3, 4)
    for value in theirs.state_dict().values():
        value.add_(1)
    before = {name: value.clone() for name, value in mine.state_dict().items()}
    others = theirs.state_dict()
    save_weights(tmp_path / "network.safetensors", theirs, "theirs")
    run.join(mine, [tmp_path / "network.safetensors"])
    for name, value in mine.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value, (before[name] + others[name]) / 2)


def test_only_a_teacher_can_be_averaged_with() -> None:
    """Another network began elsewhere, and its mean with this one is neither."""
    with pytest.raises(ConfigError, match="averaged_with names somebody, which is no teacher"):
        tiny(objective={"averaged_with": ["somebody"]})


def test_weights_of_another_run_are_refused(tmp_path: Path) -> None:
    """What is exported is what the run made, whatever lies in its folder."""
    save_weights(tmp_path / "last.safetensors", SketchNet(3, 4), "another")
    with pytest.raises(ConfigError, match=r"made by another run \(another, not this\)"):
        load_weights(tmp_path / "last.safetensors", "this")
