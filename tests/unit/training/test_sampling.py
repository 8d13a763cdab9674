"""Batches are drawn as each loss asks, and follow from the step."""

import numpy as np
import pytest

from sketchzoo_training.data import DataError
from sketchzoo_training.recipes.siamese.config import SamplingConfig
from sketchzoo_training.recipes.siamese.sampling import Drawn, Labels, make_sampler

SKETCHES = np.array([0] * 6 + [1] * 3 + [2] * 2 + [3] * 4)  # class 3 has no photos
PHOTOS = np.array([0] * 2 + [1] * 5 + [2] * 1)
LABELS = Labels(SKETCHES, PHOTOS)
CONFIG = SamplingConfig(batch=4, classes=3, sketches=3, photos=2)


def draw(loss: str, step: int, seed: int = 0) -> Drawn:
    return make_sampler(CONFIG, loss, LABELS, seed).batch(step)


@pytest.mark.parametrize("loss", ["contrastive", "triplet", "supcon"])
def test_a_batch_follows_from_seed_and_step(loss: str) -> None:
    """Asked again a step draws the same; another step or seed draws otherwise."""
    for step in (0, 7):
        first, again = draw(loss, step), draw(loss, step)
        assert np.array_equal(first.sketches, again.sketches)
        assert np.array_equal(first.photos, again.photos)
    others = (draw(loss, 1), draw(loss, 0, seed=1))
    own = draw(loss, 0)
    assert all(
        not np.array_equal(own.sketches, other.sketches)
        or not np.array_equal(own.photos, other.photos)
        for other in others
    )


@pytest.mark.parametrize("loss", ["contrastive", "triplet"])
def test_every_usable_sketch_comes_once_an_epoch(loss: str) -> None:
    """Eleven sketches in batches of four: the first eleven drawn are all of them."""
    drawn = np.concatenate([draw(loss, step).sketches for step in range(3)])
    assert sorted(drawn[:11].tolist()) == list(range(11))


def test_pairs_are_half_of_one_class() -> None:
    """About half of the study's pairs are of one class."""
    same = [
        SKETCHES[d.sketches] == PHOTOS[d.photos]
        for d in (draw("contrastive", step) for step in range(200))
    ]
    assert 0.44 < np.concatenate(same).mean() < 0.56


def test_triplets_hold_a_positive_and_a_negative() -> None:
    """The first half of a triplet batch's photos is of the sketches' classes, the other not."""
    for step in range(20):
        drawn = draw("triplet", step)
        classes = SKETCHES[drawn.sketches]
        assert np.array_equal(PHOTOS[drawn.photos[:4]], classes)
        assert not np.any(PHOTOS[drawn.photos[4:]] == classes)


def test_balanced_batches_weigh_classes_alike() -> None:
    """Each class gives as many sketches and photos, even with fewer of its own."""
    drawn = draw("supcon", 3)
    assert np.bincount(SKETCHES[drawn.sketches]).tolist() == [3, 3, 3]
    assert np.bincount(PHOTOS[drawn.photos]).tolist() == [2, 2, 2]


def test_one_class_is_refused() -> None:
    """Nothing can be told apart with a single class of both modalities."""
    with pytest.raises(DataError, match="at least 2 classes"):
        Labels(np.array([0, 0, 1]), np.array([0, 2]))
