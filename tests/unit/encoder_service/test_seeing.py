"""What is seen on photos, read off their embeddings."""

from dataclasses import replace

import numpy as np
import pytest

from encoder_service.seeing import Seeing
from sketchzoo.model import ModelArtefact
from sketchzoo.posterior import Posterior


def embedding(*posterior: float, weight: float = 0.7) -> bytes:
    """Make an embedding of a posterior, and of likeness that takes the rest."""
    roots = np.sqrt(np.array(posterior) * weight)
    return np.array([*roots, (1 - weight) ** 0.5], "<f4").tobytes()


def test_a_class_is_seen_from_the_models_threshold_on() -> None:
    """The likeliest one, with its posterior; below, and for something else, none."""
    seeing = Seeing(Posterior(("owl", "swan")), 0.9)
    seen = seeing.on(embedding(0.05, 0.93, 0.02))
    assert seen is not None
    assert seen.class_name == "swan"
    assert seen.confidence == pytest.approx(0.93)
    assert seeing.on(embedding(0.15, 0.83, 0.02)) is None
    assert seeing.on(embedding(0.01, 0.02, 0.97)) is None
    certain = seeing.on(embedding(1.0, 0.0, 0.0))
    assert certain is not None
    assert certain.confidence == 1


def test_a_class_is_read_off_whatever_the_class_part_counts_in_a_photo() -> None:
    """A photo tower that doubts gives it less of the norm; the posterior stays what it is."""
    seeing = Seeing(Posterior(("owl", "swan")), 0.5)
    found = [seeing.on(embedding(0.3, 0.6, 0.1, weight=weight)) for weight in (0.7, 0.2)]
    assert [seen and round(seen.confidence, 4) for seen in found] == [0.6, 0.6]


def test_the_shipped_model_names_what_it_was_calibrated_for() -> None:
    """Its classes stand in the order of its embedding's values."""
    shipped = ModelArtefact.load("zoo-1")
    seeing = Seeing.of(shipped)
    assert seeing is not None
    classes = shipped.notes["shared_classes"]
    posterior = np.zeros(len(classes) + 1)
    posterior[classes.index("owl")] = 1
    weight = shipped.layout.parts[0].weight
    seen = seeing.on(embedding(*posterior, weight=weight))
    assert seen is not None
    assert seen.class_name == "owl"


def test_a_model_without_a_threshold_sees_nothing() -> None:
    """Nor one whose embedding holds no posterior."""
    shipped = ModelArtefact.load("zoo-1")
    assert Seeing.of(replace(shipped, seen_from=None)) is None
    assert Seeing.of(replace(shipped, notes={})) is None


@pytest.mark.parametrize("seen_from", [0, 1.5, -1])
def test_a_threshold_is_a_share(seen_from: float) -> None:
    """Nonsense in config.json is named."""
    with pytest.raises(ValueError, match="seen_from must be above 0"):
        replace(ModelArtefact.load("zoo-1"), seen_from=seen_from)
