"""Metrics of searches: bounded labels, and each reason told."""

import pytest
from prometheus_client import CollectorRegistry

from search_service.metrics import SearchMetrics
from search_service.timings import Timings
from sketchzoo.qdrant import Photo, ScoredPhoto

TIMINGS = Timings(query=0.002, total=0.01)
HITS = "sketchzoo_search_class_hits_total"


def found(name: str) -> ScoredPhoto:
    return ScoredPhoto("id", Photo(name, "file:///a.jpg", "0" * 64, 1, 1), 0.9)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def test_a_gallery_of_many_classes_makes_bounded_series(registry: CollectorRegistry) -> None:
    """The first 256 classes have series of their own, all others share one; no hit is lost."""
    metrics = SearchMetrics(registry)
    for _ in range(2):
        metrics.answered([found(f"class {number}") for number in range(300)], TIMINGS, first=True)
    values = {
        each.labels["class_name"]: each.value
        for family in registry.collect()
        for each in family.samples
        if each.name == HITS
    }
    assert len(values) == 257
    assert values.pop("(other)") == 2 * (300 - 256)
    assert set(values.values()) == {2}


def test_only_first_pages_tell_of_quality(registry: CollectorRegistry) -> None:
    """The end of a caller's paging is no empty answer, and a later page has no best hit."""
    metrics = SearchMetrics(registry)
    metrics.answered([], TIMINGS, first=False)
    metrics.answered([found("cat")], TIMINGS, first=False)
    assert registry.get_sample_value("sketchzoo_search_empty_total") == 0
    assert registry.get_sample_value("sketchzoo_search_top_score_count") == 0
    metrics.answered([], TIMINGS, first=True)
    metrics.answered([found("cat")], TIMINGS, first=True)
    assert registry.get_sample_value("sketchzoo_search_empty_total") == 1
    assert registry.get_sample_value("sketchzoo_search_top_score_sum") == 0.9
