"""Calibration and the photo side's linear maps: what joins both towers."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from sketchzoo.model import ModelArtefact
from sketchzoo.thresholds import SEEN_FROM
from sketchzoo_training.recipes.card import card
from sketchzoo_training.recipes.towers import calibration, photo_features
from sketchzoo_training.recipes.towers.calibration import Seen, seen_from
from sketchzoo_training.recipes.towers.config import TowersConfig
from sketchzoo_training.recipes.towers.run import training_of


def test_precision_counts_the_right_photos_among_the_first() -> None:
    """P@k is the share of the query's class among its k best photos."""
    scores = torch.tensor([[0.9, 0.8, 0.1, 0.0]])
    assert calibration.precision(scores, np.array([1]), np.array([1, 0, 1, 1]), k=2).tolist() == [
        0.5
    ]


def test_a_lift_finds_a_rare_class_that_training_drew_seldom() -> None:
    """Where val shows that a class is named too seldom, calibration lifts it."""
    shares = torch.tensor([1.8, 0.2])
    logits = torch.tensor([[2.0, 0.0], [0.5, 0.0]])
    general = torch.ones(2, 3)
    gallery = torch.tensor([[9.0, 0.0], [0.0, 9.0]]).repeat(12, 1)
    chosen = calibration.calibrate(
        (logits, general),
        (gallery, torch.ones(24, 3)),
        2,
        np.array([0, 1]),
        np.array([0, 1] * 12),
        shares=shares,
    )
    assert chosen.val_p12 == 1.0
    assert chosen.lift > 0
    lifted = chosen.lifted(photo_features.Linear(torch.eye(2), torch.zeros(2)), shares)
    assert lifted(logits).argmax(1).tolist() == [0, 1]


def test_calibration_asks_galleries_of_a_dozen_photos_a_class() -> None:
    """A class of many photos shows no more of them than the others, and not always the same."""
    labels = np.array([0] * 40 + [1] * 5)
    galleries = calibration.draw_galleries(labels)
    for places in galleries:
        assert np.bincount(labels[places]).tolist() == [calibration.PHOTOS, 5]
        assert len(set(places)) == len(places)
    assert len({tuple(sorted(places)) for places in galleries}) > 1


def test_a_discriminant_tells_classes_apart_by_how_they_scatter() -> None:
    """Where two classes scatter along the line between them, another axis decides."""
    torch.manual_seed(0)
    labels = torch.arange(2).repeat(200)
    features = torch.randn(400, 2) * torch.tensor([10.0, 0.1])
    features += torch.stack([4.0 * labels, 0.5 * labels], dim=1) + 100
    weight = torch.ones(2)
    shrunk = photo_features.discriminant(features, labels, weight, 0.0)
    assert (shrunk(features).argmax(1) == labels).float().mean() > 0.97
    even = photo_features.discriminant(features, labels, weight, 0.99)
    assert (even(features).argmax(1) == labels).float().mean() < 0.7


def test_a_discriminants_logits_are_log_likelihoods() -> None:
    """Two classes of the same even scatter: the logits differ as Gaussians' logarithms do."""
    middles = torch.tensor([[0.0, 0.0], [3.0, 0.0]])
    cross = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    features = (middles[:, None] + cross).flatten(0, 1)
    labels = torch.tensor([0] * 4 + [1] * 4)
    linear = photo_features.discriminant(features, labels, torch.ones(2), 0.3)
    asked = torch.tensor([[1.0, 5.0]])
    # Each class's variance is 1/2: (4 - 1) / (2 x 1/2) is what separates them.
    ahead = linear(asked)[0, 0] - linear(asked)[0, 1]
    assert ahead.item() == pytest.approx(3.0, abs=1e-4)


def test_the_heads_embed_as_their_parts_say() -> None:
    """The exported head and the parts that the calibration compared give one cosine."""
    torch.manual_seed(0)
    classifier = photo_features.Linear(torch.randn(5, 8), torch.randn(5))
    general = photo_features.Linear(torch.randn(4, 8), torch.randn(4))
    features = torch.randn(3, 8)
    head = calibration.head(classifier, general, 3, 0.7, 0.6)
    with torch.inference_mode():
        embedding = head(features)
    roots, unit = calibration.parts(classifier(features), general(features), 3, 0.7)
    expected = 0.6 * roots @ roots.T + 0.4 * unit @ unit.T
    assert torch.allclose(embedding @ embedding.T, expected, atol=1e-4)


def test_a_class_is_seen_from_where_it_is_right_on() -> None:
    """Where photos that no probe learned from are named rightly; else nothing is seen."""
    logits = torch.tensor([[9.0, 0.0], [9.0, 0.0], [0.1, 0.0], [0.0, 9.0]])
    right, wrong = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])
    assert Seen.on(logits, right, 2, 1.0) == Seen(4, claimed=0.75, right=1.0)
    assert seen_from(logits, right, 2, 1.0) == SEEN_FROM
    assert seen_from(logits, wrong, 2, 1.0) is None
    assert Seen.on(logits, right, 2, 100.0) == Seen(4, claimed=0.0, right=0.0)
    assert seen_from(logits[:0], right[:0], 2, 1.0) is None


def test_a_surer_model_is_believed_later() -> None:
    """The least level from which claims are right, above those that are wrong."""
    logits = torch.tensor([[9.0, 0.0], [9.0, 0.0], [3.6, 0.0]])
    labels = np.array([0, 0, 1])
    assert seen_from(logits, labels, 2, 1.0) == 0.98
    assert Seen.on(logits, labels, 2, 1.0, 0.98) == Seen(3, claimed=0.6667, right=1.0)


@pytest.mark.parametrize(
    ("seen_from", "expected"),
    [
        (
            0.95,
            (
                "From a posterior of 0.95 on (`seen_from`) a photo's likeliest class counts as "
                "seen. That is so for 72 % of\n154 photos of `val`, 98.2 % of them rightly "
                "(`test`: 70 % of 700, 97.9 %). Of 90 photos\nof the 20 unseen classes 12 % are "
                "claimed, all wrongly."
            ),
        ),
        (None, "Nothing: likeliest classes were not right often enough from any posterior on."),
    ],
)
def test_a_model_card_says_what_is_seen(seen_from: float | None, expected: str) -> None:
    """As measured when the model was put together; or that it sees nothing."""
    seen = {
        "val": {"photos": 154, "claimed": 0.7208, "right": 0.982},
        "test": {"photos": 700, "claimed": 0.7, "right": 0.979},
        "unseen": {"photos": 90, "claimed": 0.12, "right": 0.0},
    }
    shipped = ModelArtefact.load("zoo-1")
    artefact = replace(shipped, seen_from=seen_from, notes={**shipped.notes, "seen": seen})
    figures = json.loads((shipped.folder / "metrics.json").read_text())
    figures["per_source"] = {}
    text = card(artefact, figures, training_of(TowersConfig(), 73.1))
    assert f"### What is seen on photos\n{expected}" in text
