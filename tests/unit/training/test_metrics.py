"""Metrics on a case worked by hand."""

import numpy as np
import pytest

from sketchzoo_training.evaluate.metrics import METRICS, QueryKey, interval, measure

GALLERY = [
    QueryKey("cat", "A"),  # 0
    QueryKey("cat", "B"),  # 1
    QueryKey("dog", "C"),  # 2
    QueryKey("dog", "D"),  # 3
    QueryKey("dog", "E"),  # 4
]


def test_values_are_those_worked_by_hand() -> None:
    """P@K, AP and Recall@1 of two queries agree with pencil and paper."""
    queries = [QueryKey("cat", "B"), QueryKey("dog", None)]
    rankings = np.array([[1, 2, 0, 3, 4], [0, 2, 3, 1, 4]])
    found = measure(rankings, queries, GALLERY)
    # Query 0: cats at ranks 1 and 3. Query 1: dogs at ranks 2, 3 and 5.
    expected = {
        "p@1": (1, 0),
        "p@5": (2 / 5, 3 / 5),
        "p@12": (2 / 12, 3 / 12),
        "map": ((1 / 1 + 2 / 3) / 2, (1 / 2 + 2 / 3 + 3 / 5) / 3),
    }
    for metric, values in expected.items():
        assert found.values[metric] == pytest.approx(values)
        assert found.mean(metric) == pytest.approx(sum(values) / 2)
    assert found.values["recall@1"][0] == 1
    assert np.isnan(found.values["recall@1"][1])


def test_recall_asks_for_the_very_photo() -> None:
    """Another photo of the right class first is no recall of the sketch's own photo."""
    rankings = np.array([[0, 1, 2, 3, 4]])
    found = measure(rankings, [QueryKey("cat", "B")], GALLERY)
    assert found.values["recall@1"].tolist() == [0]
    assert found.values["p@1"].tolist() == [1]


def test_a_class_without_photos_has_no_value() -> None:
    """A query whose class the gallery lacks has no value, so it lowers no mean."""
    rankings = np.array([[0, 1, 2, 3, 4], [0, 1, 2, 3, 4]])
    found = measure(rankings, [QueryKey("cat"), QueryKey("owl")], GALLERY)
    assert all(np.isnan(found.values[metric][1]) for metric in METRICS)
    assert found.mean("p@1") == 1


def test_many_queries_are_measured_in_chunks() -> None:
    """More queries than one chunk holds give each query its own value."""
    rankings = np.array([[0, 1, 2, 3, 4], [2, 1, 0, 3, 4]] * 70)
    found = measure(rankings, [QueryKey("cat")] * 140, GALLERY)
    assert found.values["p@1"].tolist() == [1, 0] * 70


def test_rankings_of_another_shape_are_refused() -> None:
    """A ranking that is not of the whole gallery is refused by its shape."""
    with pytest.raises(ValueError, match="1 queries x 5 photos"):
        measure(np.array([[0, 1]]), [QueryKey("cat")], GALLERY)


def test_interval_holds_the_mean_and_repeats() -> None:
    """The bootstrap interval surrounds the mean, leaves nan out and is the same each time."""
    values = np.array([0.0, 1.0, 1.0, 0.0, np.nan] * 20)
    low, high = interval(values) or (1, 0)
    # The mean of 80 coin flips lies within two standard errors, 0.056 each.
    assert 0.36 < low < 0.45
    assert 0.55 < high < 0.64
    assert interval(values) == (low, high)
    assert interval(np.array([np.nan])) is None
