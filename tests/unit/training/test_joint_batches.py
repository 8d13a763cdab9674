"""The joint recipe's batches: what they hold, and what its objective tells apart in them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from sketchzoo.model import ModelArtefact
from sketchzoo_training.engine.processes import Share
from sketchzoo_training.recipes.joint.batches import JointBatch, Sampler, batches
from sketchzoo_training.recipes.joint.config import JointConfig, ObjectiveConfig
from sketchzoo_training.recipes.joint.material import Material, load_material
from sketchzoo_training.recipes.joint.network import Parts
from sketchzoo_training.recipes.joint.objective import Objective
from tests.unit.training.tiny_joint import tiny

CPU = torch.device("cpu")
WHOLE = Share()


@pytest.fixture(scope="module")
def material(
    pairs: Path, begun: ModelArtefact, tmp_path_factory: pytest.TempPathFactory
) -> Material:
    return load_material(pairs, tiny(begun), begun, tmp_path_factory.mktemp("cache"))


def batch_of(
    material: Material, config: JointConfig, step: int = 3, share: Share = WHOLE
) -> JointBatch:
    made = batches(material, config, steps=range(step, step + 1), share=share, device=CPU)
    return next(iter(made))


def test_training_sees_nothing_of_val_test_and_unseen_classes(
    material: Material, begun: ModelArtefact
) -> None:
    """Whatever the step, all photos and drawings of a batch are training's."""
    sampler = Sampler(material, tiny(begun))
    for step in range(20):
        chosen = sampler.choose(step)
        assert set(material.pictures.split[chosen.pictures]) <= {"train", "anything"}
        drawn = chosen.drawings[chosen.drawings >= 0]
        assert set(material.drawings.split[drawn]) == {"train"}


def test_a_batch_follows_from_seed_and_step(material: Material, begun: ModelArtefact) -> None:
    """The same step gives the same batch, another step or seed another."""
    one, same = (batch_of(material, tiny(begun)) for _ in range(2))
    assert torch.equal(one.photos, same.photos)
    assert torch.equal(one.sketches, same.sketches)
    assert not torch.equal(batch_of(material, tiny(begun), step=4).sketches, one.sketches)
    other = tiny(begun).model_copy(update={"seed": 1})
    assert not torch.equal(batch_of(material, other).sketches, one.sketches)


@pytest.mark.parametrize("size", [2, 3])
def test_processes_make_parts_of_one_batch(
    material: Material, begun: ModelArtefact, size: int
) -> None:
    """Whatever the number of processes, a step's images are the same, all know the whole."""
    whole = batch_of(material, tiny(begun))
    parts = [batch_of(material, tiny(begun), share=Share(rank, size)) for rank in range(size)]
    assert torch.equal(torch.cat([part.photos for part in parts]), whole.photos)
    assert torch.equal(torch.cat([part.sketches for part in parts]), whole.sketches)
    assert all(torch.equal(part.sketch_labels, whole.sketch_labels) for part in parts)
    assert whole.sizes == (len(whole.photos),) * 3 + (len(whole.sketches),) * 3


def test_a_photo_is_mirrored_where_its_drawing_is(material: Material, begun: ModelArtefact) -> None:
    """Sketch and contour lie as the photo does: ink is where the photo's dark L is."""
    config = tiny(
        begun,
        drawing={
            "size": 96,
            "small_size": 96,
            "strength": 0.0,
            "contour_dropped": 0.0,
            "blurs": [1.0],
        },
    )
    agreed = []
    for step in range(6):
        batch = batch_of(material, config, step)
        for photo, sketch in zip(batch.photos, batch.sketches, strict=False):
            dark = photo.mean(0) < photo.mean(0).mean() - 0.4
            ink = torch.nn.functional.max_pool2d((sketch < 0).float(), 15, 1, 7)[0] > 0
            as_it_is = (dark & ink).sum()
            agreed.append(bool(as_it_is >= (dark & ink.flip(1)).sum()))
    assert np.mean(agreed) > 0.9


def test_a_batch_of_little_data_is_smaller(material: Material, begun: ModelArtefact) -> None:
    """Where there are fewer classes and photos of anything than a batch may hold, it takes all."""
    config = tiny(begun, data={"classes": 50, "each": 2, "anything": 50})
    chosen = Sampler(material, config).choose(0)
    assert len(chosen.pictures) == 4 * 2 + 3


def test_a_picture_is_told_from_others_of_its_class_and_never_from_itself() -> None:
    """The shape part's loss rises with a photo of the same class, not with the same photo again."""
    only_shape = ObjectiveConfig(taught=0, proxies=0, bridge=0, instance=0, shape=1)
    objective = Objective(2, 2, 3, only_shape)
    # Not far from each other, so that each that is told apart counts.
    shapes = torch.nn.functional.normalize(torch.eye(3, 4) + 1, dim=1)

    def loss(picture: list[int]) -> float:
        labels = torch.zeros(3, dtype=torch.long)
        batch = JointBatch(
            photos=torch.zeros(3),
            sketches=torch.zeros(3),
            photo_labels=labels,
            sketch_labels=labels,
            picture=torch.tensor(picture),
            drawn=torch.ones(3, dtype=torch.bool),
            photo_taught=torch.zeros(3, 2),
            sketch_taught=torch.zeros(3, 2),
            is_taught=torch.ones(3, dtype=torch.bool),
        )
        general = torch.nn.functional.normalize(torch.ones(3, 3), dim=1)
        said = Parts(torch.zeros(3, 2), general, shapes)
        return float(objective(said, said, batch).detach())

    assert loss([0, 1, 2]) > loss([0, 0, 2]) > loss([0, 0, 0])
    assert loss([0, 0, 0]) == pytest.approx(0, abs=1e-6)
