"""Metrics of several processes on one page."""

import multiprocessing
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from scripts.metrics_table import PARTS
from sketchzoo.telemetry import shared
from sketchzoo.telemetry.shared import (
    ProcessesCollector,
    forget_gauges,
    group_registry,
    metrics_folder,
    shared_metrics,
    show,
)

# The rooms whose parts run as groups, and what all have.
SHARED = ("Every part", "Every gRPC server", "Search", "Encoder", "Callers of Qdrant")


def member(folder: Path, index: int, amount: float) -> None:
    """Count in a process of one's own, as a group's member does."""
    registry = CollectorRegistry()
    with shared_metrics(folder, index):
        counter = Counter("drawn", "Drawings.", ["what"], registry=registry)
        counter.labels("cat").inc(amount)
        Histogram("seconds", "Time.", buckets=(1, 2), registry=registry).observe(amount)
        held = Gauge("held", "Held.", registry=registry, multiprocess_mode="livesum")
        show(held, lambda: amount)


def failing(folder: Path, index: int, amount: float) -> None:
    """Show a gauge that can't be read, before one that can."""
    registry = CollectorRegistry()
    failures = threading.Semaphore(0)
    shared._REFRESH_SECONDS = 0.01

    def fail() -> float:
        failures.release()
        raise ValueError("not now")

    with shared_metrics(folder, index):
        broken = Gauge("broken", "Broken.", registry=registry, multiprocess_mode="livesum")
        show(broken, fail)
        held = Gauge("held", "Held.", registry=registry, multiprocess_mode="livesum")
        show(held, lambda: amount)
        for _ in range(3):
            assert failures.acquire(timeout=30)


def run(
    folder: Path, index: int, amount: float, what: Callable[[Path, int, float], None] = member
) -> None:
    process = multiprocessing.get_context("spawn").Process(
        target=what, args=(folder, index, amount)
    )
    process.start()
    process.join(60)
    assert process.exitcode == 0


def test_counters_of_the_dead_stay_and_their_gauges_go(tmp_path: Path) -> None:
    """Who takes a dead process's place goes on counting where it stopped."""
    page = group_registry(tmp_path, lambda: [os.getpid()])
    run(tmp_path, 0, 1.0)
    run(tmp_path, 1, 2.0)
    assert page.get_sample_value("drawn_total", {"what": "cat"}) == 3
    assert page.get_sample_value("seconds_count") == 2
    assert page.get_sample_value("held") == 3
    forget_gauges(tmp_path, 1)
    assert page.get_sample_value("held") == 1
    files = sorted(tmp_path.iterdir())
    run(tmp_path, 1, 4.0)
    assert page.get_sample_value("drawn_total", {"what": "cat"}) == 7
    assert page.get_sample_value("held") == 5
    assert len(list(tmp_path.iterdir())) == len(files) + 1  # its gauges' alone


def test_a_gauge_that_fails_is_logged_and_stops_no_other(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Once, by its name: frozen values would look like good ones."""
    run(tmp_path, 0, 2.0, failing)
    assert group_registry(tmp_path, list).get_sample_value("held") == 2
    said = capfd.readouterr().out
    assert said.count("ValueError: not now") == 1
    assert "Gauge(broken)" in said


def test_a_process_alone_shows_what_is_so_when_the_page_is_read() -> None:
    """Nothing is refreshed where nothing is shared."""
    registry = CollectorRegistry()
    held = [1.0]
    show(Gauge("held", "Held.", registry=registry), lambda: held[0])
    held[0] = 2.0
    assert registry.get_sample_value("held") == 2


@pytest.mark.parametrize("part", [part for part in PARTS if part.startswith(SHARED)])
def test_each_gauge_of_a_group_says_what_becomes_of_it(part: str) -> None:
    """Left alone it would be shown once for each process, those that have ended among them."""
    registry = CollectorRegistry()
    PARTS[part](registry)
    gauges = [each for each in registry._collector_to_names if isinstance(each, Gauge)]
    assert {each._multiprocess_mode for each in gauges} <= {"livesum", "livemin", "livemax"}


def test_time_of_processes_that_are_gone_stays_counted() -> None:
    """A sum that fell would look like a counter that began anew."""
    pids = [os.getpid(), os.getppid()]
    registry = CollectorRegistry()
    registry.register(ProcessesCollector(lambda: pids))
    both = registry.get_sample_value("process_cpu_seconds_total")
    memory = registry.get_sample_value("process_resident_memory_bytes")
    if both is None or memory is None:
        pytest.skip("this system has no /proc")
    del pids[1]
    alone = registry.get_sample_value("process_cpu_seconds_total")
    assert alone is not None
    assert alone >= both
    assert (registry.get_sample_value("process_resident_memory_bytes") or 0) < memory


def test_metrics_of_a_group_lie_in_memory() -> None:
    """Who counts is not ended where the folder for temporary files is full."""
    memory = Path("/dev/shm")  # noqa: S108 - where Linux has it
    if not os.access(memory, os.W_OK):
        pytest.skip("this system has no such memory")
    with metrics_folder() as folder:
        assert folder.parent == memory
        assert folder.stat().st_mode & 0o077 == 0
    assert not folder.exists()
