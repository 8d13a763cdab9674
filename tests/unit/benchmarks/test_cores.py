"""All cores over two: bars where the machine is the one they are for, figures everywhere."""

import os

import pytest

from benchmarks.cores import CORES, Rates, available, compared, on_cores
from benchmarks.services import of_processes
from encoder_service.settings import EncoderSettings
from search_service.settings import SearchSettings

_FEW = Rates(photos=150.0, sketches=140.0, searches=110.0)


def test_bars_are_for_the_machine_that_has_the_cores() -> None:
    """Each rate over that of two cores, five times at least."""
    section = compared(_FEW, Rates(900.0, 840.0, 330.0), CORES)
    assert [(bar.name, bar.value, bar.met) for bar in section.bars] == [
        ("cores_photos_over_two", 6.0, True),
        ("cores_sketches_over_two", 6.0, True),
        ("cores_searches_over_two", 3.0, False),
    ]


def test_fewer_cores_tell_figures_without_bars() -> None:
    """They say which machine the bar is for."""
    section = compared(_FEW, _FEW, 2)
    assert not section.bars
    assert section.notes[0] == "photos with 2 cores over two: 1 (the bar, 5, is for 16 cores)"


def test_without_embedded_qdrant_the_encoder_is_measured_alone() -> None:
    """A bare machine may have no more than it needs."""
    section = compared(Rates(150.0, 140.0, None), Rates(900.0, 840.0, None), CORES)
    assert [row[0] for row in section.rows] == ["photos", "sketches"]
    assert "embedded Qdrant is not installed here" in section.notes[0]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="affinity is Linux's")
def test_what_is_started_keeps_to_the_cores_until_the_end() -> None:
    """Afterwards all are there again."""
    before = available()
    with on_cores(before[:1]):
        assert available() == before[:1]
    assert available() == before


def test_services_are_started_of_so_many_processes() -> None:
    """Encoder and search both, by the variables that they read; afterwards as before."""
    before = EncoderSettings().processes, SearchSettings().processes
    with of_processes(3):
        assert (EncoderSettings().processes, SearchSettings().processes) == (3, 3)
    assert (EncoderSettings().processes, SearchSettings().processes) == before
