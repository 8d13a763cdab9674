"""Teachers: trained first, asked, started from, averaged with."""

from pathlib import Path

import pytest
import torch
from torch import nn

from sketchzoo_training.errors import ConfigError
from sketchzoo_training.recipes.towers import Recipe, run, sketches, train_zoo
from sketchzoo_training.recipes.towers.drawings import load_drawings
from sketchzoo_training.recipes.towers.teachers import Teacher, distance
from sketchzoo_training.recipes.towers.thick import add_thick
from tests.unit.training.tiny_towers import TINY, losses


@pytest.mark.usefixtures("without_export")
def test_teachers_are_trained_first_and_then_asked(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A taught run has other losses than an untaught one; a trained teacher stays as it is."""
    monkeypatch.setattr(run, "read_preset", lambda _: {**TINY, "recipe": "towers", "size": 48})
    taught = {**TINY, "teachers": ["first"], "size": 64}
    train_zoo({**TINY, "size": 64}, data, tmp_path / "untaught")
    train_zoo(taught, data, tmp_path / "taught")
    assert losses(tmp_path / "taught") != losses(tmp_path / "untaught")
    teacher = tmp_path / "taught" / "teachers" / "first"
    assert len(losses(teacher)) == 4
    (teacher / "losses.jsonl").unlink()
    train_zoo(taught, data, tmp_path / "taught")
    assert not (teacher / "losses.jsonl").exists()


def test_a_teachers_own_teachers_come_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each generation finds those that teach it trained."""
    values = {**TINY, "teachers": ["first"]}
    monkeypatch.setattr(run, "read_preset", lambda _: values)
    in_order = Recipe.of({**TINY, "teachers": ["first", "second"]})
    assert run.teacher_recipe(in_order, "second").teachers == ("first",)
    with pytest.raises(ConfigError, match="first teaches second and must come before it"):
        run.teacher_recipe(Recipe.of({**TINY, "teachers": ["second", "first"]}), "second")


@pytest.mark.usefixtures("without_export")
def test_a_network_starts_from_a_teacher(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It begins with the teacher's weights: at a rate of nothing it would still have them."""
    monkeypatch.setattr(run, "read_preset", lambda _: {**TINY, "recipe": "towers"})
    still = {"rate": 0.0, "head_rate": 0.0, "teachers": ["first"], "starts_from": "first"}
    train_zoo({**TINY, **still}, data, tmp_path)
    theirs = torch.load(tmp_path / "teachers" / "first" / "blend.pt", weights_only=True)
    ours = torch.load(tmp_path / "blend.pt", weights_only=True)
    torch.testing.assert_close(ours["classifier.weight"], theirs["classifier.weight"])


def test_teachers_see_what_a_wide_pen_spoilt_as_it_was(data: Path) -> None:
    """A thick drawing comes with its original, drawn with the same turn and stretch."""
    recipe = Recipe.of({**TINY, "thick_from": 0, "thick_share": 0.9, "teachers": ["first"]})
    drawings = load_drawings(data, recipe)
    alone = len(drawings.labels)
    drawings = add_thick(drawings, data, recipe)
    # As if a wide pen had changed nothing: what is shown must then be the same, too.
    drawings.lines[alone:] = drawings.lines[drawings.made_of[alone:]]
    batch = next(sketches.batches(drawings, [0, 1], recipe, 0))
    assert batch.spoilt.any()
    assert torch.equal(batch.images[batch.spoilt], batch.unspoilt)


def test_a_teachers_layers_go_on_from_the_frozen_ones() -> None:
    """It says of maps, and of larger images made small, what the whole network says."""
    begun = sketches.Run.start(Recipe(frozen_blocks=2), classes=3)
    begun.net.eval()
    teacher = Teacher(begun.net.after(2), begun.frozen, 32)
    images = torch.rand(2, 1, 64, 64) * 2 - 1
    small = nn.functional.interpolate(images, (32, 32), mode="bilinear", antialias=True)
    with torch.inference_mode():
        expected = begun.net.classifier(begun.net.backbone(small))
    for asked in (images, small):
        said = teacher(asked, begun.frozen(asked))
        torch.testing.assert_close(said, expected, rtol=1e-3, atol=1e-3)


def test_the_distance_to_an_opinion_is_least_for_the_same_opinion() -> None:
    """Agreeing logits leave no slope, at any temperature."""
    wanted = torch.tensor([[2.0, 0.0, -1.0]])
    logits = wanted.clone().requires_grad_()
    distance(logits, wanted, 2.0).backward()
    torch.testing.assert_close(logits.grad, torch.zeros(1, 3))


def test_a_network_is_averaged_with_a_teacher(tmp_path: Path) -> None:
    """Every weight and statistic is the mean of both; the teacher's file stays as it is."""
    begun = sketches.Run.start(Recipe(), classes=3)
    mine = {name: value.clone() for name, value in begun.average.state_dict().items()}
    theirs = {name: value + 1 for name, value in mine.items()}
    torch.save(theirs, tmp_path / "blend.pt")
    begun.join([tmp_path / "blend.pt"])
    for name, value in begun.average.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value, mine[name] + 0.5)


def test_only_a_teacher_can_be_averaged_with() -> None:
    """Another network began elsewhere, and its mean with this one is neither."""
    with pytest.raises(ConfigError, match="averaged_with names zoo-1-first, which is no teacher"):
        Recipe.of({"averaged_with": ["zoo-1-first"]})


def test_only_a_teacher_can_be_started_from() -> None:
    """Nothing else has been trained when the run begins."""
    with pytest.raises(ConfigError, match="starts_from names zoo-1-first, which is no teacher"):
        Recipe.of({"starts_from": "zoo-1-first"})
