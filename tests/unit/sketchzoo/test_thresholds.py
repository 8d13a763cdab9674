"""Thresholds: where what is known and what is not part."""

import numpy as np
import pytest

from sketchzoo.thresholds import OpenWorld, auroc, best_threshold


def test_auroc_of_scores_worked_by_hand() -> None:
    """Of six pairs four are in order and one is a tie."""
    assert auroc(np.array([0.9, 0.5, 0.4]), np.array([0.5, 0.3])) == pytest.approx(0.75)


def test_the_threshold_keeps_known_and_refuses_unknown() -> None:
    """Scores that can be told apart are told apart without a mistake, in the middle."""
    cut = best_threshold(np.array([0.7, 0.8, 0.9]), np.array([0.1, 0.2, 0.6]))
    assert cut == pytest.approx(0.65)


def test_an_open_world_is_told_by_shares() -> None:
    """All that is known reaches the best threshold, of two unknown one does not."""
    found = OpenWorld.of(np.array([0.9, 0.8, 0.3]), np.array([0.85, 0.1]))
    assert found == OpenWorld(0.2, auroc=0.6667, known_kept=1.0, unknown_refused=0.5)
    assert found.figures() == {"auroc": 0.6667, "known_kept": 1.0, "unknown_refused": 0.5}
