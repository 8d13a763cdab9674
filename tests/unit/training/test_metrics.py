"""Metrics on cases worked by hand, and beside ir-measures."""

from itertools import permutations

import ir_measures
import numpy as np
import pytest
from ir_measures import AP, P

from sketchzoo_training.evaluate.metrics import METRICS, OF_PAIRS, QueryKey, interval, measure
from sketchzoo_training.evaluate.ranking import Rankings, rank

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
    rankings = Rankings.of_order([[1, 2, 0, 3, 4], [0, 2, 3, 1, 4]])
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
    rankings = Rankings.of_order([[0, 1, 2, 3, 4]])
    found = measure(rankings, [QueryKey("cat", "B")], GALLERY)
    assert found.values["recall@1"].tolist() == [0]
    assert found.values["p@1"].tolist() == [1]


def test_the_paired_photo_worked_by_hand() -> None:
    """Among all photos and within its class: recall at K and the percentile of a sketch's photo."""
    rankings = Rankings.of_order([[0, 2, 1, 4, 3], [0, 2, 1, 4, 3], [0, 2, 1, 4, 3]])
    queries = [QueryKey("dog", "D"), QueryKey("dog", "E"), QueryKey("cat", "A")]
    found = measure(rankings, queries, GALLERY)
    # D is last of all and of three dogs, E second of three, A first of all and of two cats.
    expected = {
        "recall@1": (0, 0, 1),
        "recall@12": (1, 1, 1),
        "in_class_percentile": (0, 1 / 2, 1),
        "in_class_recall@1": (0, 0, 1),
        "in_class_recall@5": (1, 1, 1),
    }
    for metric, values in expected.items():
        assert found.values[metric] == pytest.approx(values)


def test_recall_counts_the_places_above() -> None:
    """The thirteenth of all is not among twelve, the sixth of its class not among five."""
    gallery = [QueryKey("cat", str(i)) for i in range(6)]
    gallery += [QueryKey("dog", str(i)) for i in range(20)]
    cats, dogs = list(range(6)), list(range(6, 26))
    order = [*cats[:5], *dogs[:7], cats[5], *dogs[7:]]
    queries = [QueryKey("cat", "5"), QueryKey("cat", "4"), QueryKey("dog", "6")]
    found = measure(Rankings.of_order([order] * 3), queries, gallery)
    assert found.values["recall@12"].tolist() == [0, 1, 1]
    assert found.values["in_class_recall@5"].tolist() == [0, 1, 0]
    assert found.values["in_class_percentile"] == pytest.approx([0, 1 / 5, 13 / 19])


def test_a_photo_alone_in_its_class_has_no_place_there() -> None:
    """Where a class has one photo nothing is asked within it; among all it is."""
    gallery = [*GALLERY, QueryKey("owl", "O")]
    rankings = Rankings.of_order([[5, 0, 1, 2, 3, 4]])
    found = measure(rankings, [QueryKey("owl", "O")], gallery)
    assert found.values["recall@1"].tolist() == [1]
    assert all(np.isnan(found.values[metric][0]) for metric in OF_PAIRS if "in_class" in metric)
    assert found.mean("in_class_percentile") is None


def test_deep_cuts_worked_by_hand() -> None:
    """AP@200 counts the first 200 places, by as many right photos as they can hold."""
    gallery = [QueryKey("cat" if i < 250 else "dog") for i in range(600)]
    order = [*range(250, 300), *range(200), *range(300, 600), *range(200, 250)]
    found = measure(Rankings.of_order([order, order]), [QueryKey("cat"), QueryKey("dog")], gallery)
    # Cats stand at 51 to 250 and last, dogs at 1 to 50 and after 250.
    cats = sum((place - 50) / place for place in range(51, 201)) / 200
    assert found.values["map@200"] == pytest.approx([cats, 50 / 200])
    assert found.values["p@100"] == pytest.approx([0.5, 0.5])
    assert found.values["p@200"] == pytest.approx([0.75, 0.25])


def test_few_photos_can_fill_no_deep_cut_but_its_average() -> None:
    """A perfect ranking of three photos has mAP@200 1, though P@200 is 3 / 200 at most."""
    rankings = Rankings.of_order([[2, 3, 4, 0, 1]])
    found = measure(rankings, [QueryKey("dog")], GALLERY)
    assert found.values["map@200"].tolist() == [1]
    assert found.values["p@200"] == pytest.approx([3 / 200])


def test_values_are_those_of_their_definitions() -> None:
    """On rankings without ties every value is what its definition, spelled out, comes to."""
    rng = np.random.default_rng(4)
    gallery = [QueryKey("abc"[int(rng.integers(3))], str(i)) for i in range(320)]
    queries = [gallery[int(i)] for i in rng.permutation(320)[:40]]
    order = np.stack([rng.permutation(320) for _ in queries])
    found = measure(Rankings.of_order(order), queries, gallery)
    for number, query in enumerate(queries):
        row = [gallery[photo] for photo in order[number]]
        right = [photo.class_name == query.class_name for photo in row]
        inside = [photo for photo in row if photo.class_name == query.class_name]
        place, own = row.index(query), inside.index(query)
        precisions = [sum(right[: at + 1]) / (at + 1) for at in range(320) if right[at]]
        early = precisions[: sum(right[:200])]
        expected = {
            "p@100": sum(right[:100]) / 100,
            "p@200": sum(right[:200]) / 200,
            "map": sum(precisions) / sum(right),
            "map@200": sum(early) / min(sum(right), 200),
            "recall@1": float(place < 1),
            "recall@12": float(place < 12),
            "in_class_recall@1": float(own < 1),
            "in_class_recall@5": float(own < 5),
            "in_class_percentile": (len(inside) - 1 - own) / (len(inside) - 1),
        }
        for metric, value in expected.items():
            assert found.values[metric][number] == pytest.approx(value), metric


def test_a_class_without_photos_has_no_value() -> None:
    """A query whose class the gallery lacks has no value, so it lowers no mean."""
    rankings = Rankings.of_order([[0, 1, 2, 3, 4], [0, 1, 2, 3, 4]])
    found = measure(rankings, [QueryKey("cat"), QueryKey("owl")], GALLERY)
    assert all(np.isnan(found.values[metric][1]) for metric in METRICS)
    assert found.mean("p@1") == 1


def test_many_queries_are_measured_in_chunks() -> None:
    """More queries than one chunk holds give each query its own value."""
    rankings = Rankings.of_order([[0, 1, 2, 3, 4], [2, 1, 0, 3, 4]] * 70)
    found = measure(rankings, [QueryKey("cat")] * 140, GALLERY)
    assert found.values["p@1"].tolist() == [1, 0] * 70


def test_rankings_of_another_shape_are_refused() -> None:
    """A ranking that is not of the whole gallery is refused by its shape."""
    with pytest.raises(ValueError, match="1 queries x 5 photos"):
        measure(Rankings.of_order([[0, 1]]), [QueryKey("cat")], GALLERY)


def test_interval_holds_the_mean_and_repeats() -> None:
    """The bootstrap interval surrounds the mean, leaves nan out and is the same each time."""
    values = np.array([0.0, 1.0, 1.0, 0.0, np.nan] * 20)
    low, high = interval(values) or (1, 0)
    # The mean of 80 coin flips lies within two standard errors, 0.056 each.
    assert 0.36 < low < 0.45
    assert 0.55 < high < 0.64
    assert interval(values) == (low, high)
    assert interval(np.array([np.nan])) is None


def test_values_are_those_of_ir_measures() -> None:
    """On rankings without ties every value is the one that ir-measures computes."""
    rng = np.random.default_rng(1)
    gallery = [QueryKey("abc"[i % 3]) for i in range(40)]
    queries = [QueryKey("abc"[i % 3]) for i in range(30)]
    order = np.stack([rng.permutation(40) for _ in queries])
    found = measure(Rankings.of_order(order), queries, gallery)
    run = {
        str(q): {str(photo): 40.0 - rank for rank, photo in enumerate(row)}
        for q, row in enumerate(order.tolist())
    }
    right = {
        str(q): {str(i): 1 for i, p in enumerate(gallery) if p == query}
        for q, query in enumerate(queries)
    }
    names = {P @ 1: "p@1", P @ 5: "p@5", P @ 12: "p@12", AP: "map"}
    for value in ir_measures.iter_calc(list(names), right, run):
        expected = found.values[names[value.measure]][int(value.query_id)]
        assert value.value == pytest.approx(expected, abs=1e-4)


def test_equally_near_photos_count_as_if_in_random_order() -> None:
    """Every value is the mean over all orders that the equally near photos can stand in."""
    # Nearest first: one photo, three equally near, two equally near, one.
    groups = [[4], [0, 2, 3], [1, 5], [6]]
    gallery = [*GALLERY, QueryKey("cat", "F"), QueryKey("dog", "G")]
    queries = [QueryKey("cat", "B"), QueryKey("dog", "E"), QueryKey("cat", "A")]
    scores = np.zeros(7)
    for rank_of_group, group in enumerate(groups):
        scores[group] = 1 - rank_of_group / 10
    tied = measure(Rankings.of_scores(np.tile(scores, (3, 1))), queries, gallery)
    orders = [
        [*groups[0], *second, *third, *groups[3]]
        for second in permutations(groups[1])
        for third in permutations(groups[2])
    ]
    each = [measure(Rankings.of_order([order] * 3), queries, gallery) for order in orders]
    for metric in METRICS:
        mean = np.mean([found.values[metric] for found in each], axis=0)
        assert tied.values[metric] == pytest.approx(mean)


def test_photos_of_one_look_favour_no_class() -> None:
    """Where all photos look the same, P@K is the class's share of the gallery, by any name."""
    gallery = [QueryKey("aardvark", str(i)) for i in range(20)]
    gallery += [QueryKey("zebra", str(i)) for i in range(20)]
    vectors = np.tile(np.array([[0.6, 0.8]], np.float32), (40, 1))
    found = measure(rank(vectors[:2], vectors), [gallery[0], gallery[39]], gallery)
    assert found.values["p@12"] == pytest.approx([0.5, 0.5])
    assert found.values["recall@1"] == pytest.approx([1 / 40, 1 / 40])


def test_rounding_separates_no_equals() -> None:
    """Scores that differ by float32's noise alone are equal; others are not."""
    scores = np.array([[0.5, 0.5 + 6e-8, 0.5 - 6e-8, 0.4999]], np.float32)
    assert Rankings.of_scores(scores).tied.tolist() == [[False, True, True, False]]


def test_both_distances_rank_by_what_they_say() -> None:
    """Euclid asks for the nearest point, cosine for the nearest direction."""
    gallery = np.array([[10, 0], [1, 1], [0, 1]], np.float32)
    query = np.array([[1, 0.2]], np.float32)
    assert rank(query, gallery, "cosine").order.tolist() == [[0, 1, 2]]
    assert rank(query, gallery, "euclidean").order.tolist() == [[1, 2, 0]]
