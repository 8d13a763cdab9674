"""How the parts of a joint model are weighed: what is chosen, and that heads do as was chosen."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from sketchzoo.heads import PartsHead
from sketchzoo.parts import Emphasis, Focus, Layout
from sketchzoo_training.recipes.joint import calibration
from sketchzoo_training.recipes.joint.calibration import (
    SLACK,
    Asked,
    Calibration,
    Examples,
    Found,
    Sharpness,
    calibrate,
    lifted,
)
from sketchzoo_training.recipes.joint.figures import pairs, precision
from sketchzoo_training.recipes.joint.network import Parts

CLASSES, EACH, ASKED = 4, 6, 12
SHARED = CLASSES


def said(labels: np.ndarray, own: np.ndarray, *, named: bool, seed: int) -> Parts:
    """Make parts: logits name classes (or nothing at all), the shape tells the very picture."""
    dice = torch.Generator().manual_seed(seed)
    logits = torch.randn(len(labels), CLASSES + 1, generator=dice)
    if named:
        logits[torch.arange(len(labels)), torch.from_numpy(labels)] += 2.5
    # Classes are near each other in the general part, pictures in the shape part, with noise.
    general = torch.eye(2 * CLASSES)[torch.from_numpy(labels)]
    shape = torch.eye(64)[torch.from_numpy(own)]
    noise = [0.4 * torch.randn(part.shape, generator=dice) for part in (general, shape)]
    return Parts(logits, normalize(general + noise[0], dim=1), normalize(shape + noise[1], dim=1))


@pytest.fixture(scope="module")
def examples() -> Examples:
    """Four classes of six photos, sketches of some, and two classes that nobody learned."""
    labels = np.repeat(np.arange(CLASSES), EACH)
    odd = np.repeat([CLASSES, CLASSES + 1], EACH)
    photos = np.arange(len(labels) + len(odd))
    known, unknown = photos[: len(labels)], photos[len(labels) :]
    there = said(labels, known, named=True, seed=0)
    strange = said(odd, unknown, named=False, seed=1)
    asked = known[:: len(labels) // ASKED]
    return Examples(
        gallery=Parts(*(torch.cat(each) for each in zip(there, strange, strict=True))),
        labels=np.concatenate([labels, odd]),
        own=len(labels),
        asked=said(labels[asked], asked, named=True, seed=2),
        wanted=labels[asked],
        photo=asked.astype(np.intp),
        strange=said(odd, unknown, named=False, seed=3),
        strange_wanted=odd,
        shared=SHARED,
        shares=torch.ones(CLASSES + 1),
    )


@pytest.fixture(scope="module")
def chosen(examples: Examples) -> Calibration:
    """Choose among few settings: what decides is the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibration, "PHOTO_TEMPERATURES", (1.0,))
        patch.setattr(calibration, "SKETCH_TEMPERATURES", (0.5, 1.0))
        patch.setattr(calibration, "PHOTO_DOUBTS", (0.0, 1.0))
        patch.setattr(calibration, "SKETCH_DOUBTS", (0.0, 0.5))
        patch.setattr(calibration, "LIFTS", (0.0,))
        return calibrate(examples)


def test_the_default_keeps_the_classes_and_finds_more_than_they_do(chosen: Calibration) -> None:
    """Within the slack of the best P@12; the focus on shape finds the very photo best."""
    found = chosen.found
    assert found[Focus.BOTH].p12 >= found[Focus.SUBJECT].p12 - SLACK - 1e-9
    assert found[Focus.BOTH].worth >= found[Focus.SUBJECT].worth
    assert found[Focus.SHAPE].nearness >= found[Focus.BOTH].nearness
    assert all(sum(mixture) == pytest.approx(1) for mixture in chosen.mixtures.values())


def test_photos_are_stored_by_the_default(chosen: Calibration) -> None:
    """A query that says no focus is asked as it is; no part of a photo is lost."""
    assert chosen.default == Focus.BOTH
    assert chosen.factors(Focus.BOTH) == (1, 1, 1)
    assert min(chosen.weights) > 0


def test_heads_rank_as_what_was_chosen_ranks(examples: Examples, chosen: Calibration) -> None:
    """Embeddings of the exported heads, asked by a focus, give the chosen mixture's order."""
    sharpness = replace(chosen.sharpness, photo_doubt=1.0, sketch_doubt=0.5)
    general, shape = examples.asked.general.shape[1], examples.asked.shape.shape[1]

    def head(temperature: float, doubt: float) -> PartsHead:
        return PartsHead(
            8,
            CLASSES + 1,
            SHARED,
            general,
            shape,
            cell=2,
            grid=2,
            temperature=temperature,
            weights=chosen.weights,
            doubt=doubt,
        )

    photo = head(sharpness.photo_temperature, sharpness.photo_doubt)
    layout = Layout(
        photo.layout().parts,
        {focus: Emphasis(chosen.factors(focus)) for focus in Focus},
        chosen.default,
    )
    there = photo.joined(*examples.gallery)
    here = head(sharpness.sketch_temperature, sharpness.sketch_doubt).joined(*examples.asked)
    whose = np.flatnonzero(examples.photo >= 0)
    for focus in Focus:
        asked = np.stack([layout.focused(query.detach().numpy(), focus) for query in here])
        scores = torch.from_numpy(asked) @ there.T
        mixtures = [chosen.mixtures[focus]]
        ((_, found),) = Asked(examples, sharpness).all(mixtures, stored=chosen.weights)
        own = np.arange(examples.own)
        assert precision(scores[:, own], examples.labels[own], examples.wanted) == found.p12
        near = pairs(scores[whose][:, own], own, examples.labels, examples.photo[whose])
        assert near == {name: getattr(found, name) for name in near}


def test_a_class_that_was_drawn_seldom_is_lifted() -> None:
    """What training drew half as often gains what that had cost its logit."""
    shares = torch.tensor([1.0, 0.5])
    assert lifted(torch.zeros(1, 2), shares, 1.0)[0].tolist() == pytest.approx(
        [0, 0.6931], abs=1e-3
    )
    assert lifted(torch.zeros(1, 2), shares, 0.0)[0].tolist() == [0, 0]


def test_what_was_not_measured_counts_nothing() -> None:
    """Without unseen classes the very photo alone decides."""
    found = Found(0.5, 0.9, 0.3, 0.2, 0.6, float("nan"))
    assert found.worth == pytest.approx(0.4)
    notes = Calibration(
        Sharpness(1.0, 0.5, 0.0, 0.0, 0.0),
        dict.fromkeys(Focus, (0.5, 0.3, 0.2)),
        dict.fromkeys(Focus, found),
    ).notes()
    assert notes["val"]["both"]["unseen"] is None
    assert notes["val_p12"] == 0.5
