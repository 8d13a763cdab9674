"""Shared metrics: each process of a group writes its own, one page shows them together.

This is prometheus_client's multiprocess mode: values lie in files of a folder, one set of
files for each place in the group, so that who takes a dead process's place goes on counting
where it stopped. Counters and histograms are summed; a gauge's `multiprocess_mode` says what
becomes of it. Exemplars are not kept there.
"""

import os
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry, Gauge, Metric, values
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

_FOLDER = "sketchzoo-metrics-"
# Memory of Linux that has names, in a container too, and is no folder for temporary files.
_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder in it has a name of its own
_REFRESH_SECONDS = 1.0
_START = "process_start_time_seconds"

log = structlog.get_logger()

# What this process's gauges show; None while its metrics are its own, which are read by the page.
_shown: list[tuple[Gauge, Callable[[], float]]] | None = None


def show(gauge: Gauge, read: Callable[[], float]) -> None:
    """Let a gauge show what `read` returns: when the page is read, in a group each second."""
    if _shown is None:
        gauge.set_function(read)
    else:
        _shown.append((gauge, read))


@contextmanager
def metrics_folder() -> Iterator[Path]:
    """Make a group's folder for `shared_metrics`; it goes with the context.

    In memory, where it can be: the files are mapped, and who counts for the first time while
    photos' copies fill the folder for temporary files would be ended by the system (SIGBUS).
    """
    memory = _MEMORY if os.access(_MEMORY, os.W_OK | os.X_OK) else None
    prefix = f"{_FOLDER}{os.getpid()}-"
    with tempfile.TemporaryDirectory(prefix=prefix, dir=memory) as folder:
        yield Path(folder)


@contextmanager
def shared_metrics(folder: Path, index: int) -> Iterator[None]:
    """Keep this process's metrics, from now on, in a folder as the group's process `index`.

    Before any metric is made. Gauges are up to date to a second while the context is open.
    """
    global _shown  # noqa: PLW0603 - a fact of the whole process, as the library's own is
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    values.ValueClass = values.MultiProcessValue(lambda: index)  # type: ignore[no-untyped-call] # the library left it untyped
    _shown = []
    ended = threading.Event()
    thread = threading.Thread(target=_refresh, args=(_shown, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _refresh(shown: Sequence[tuple[Gauge, Callable[[], float]]], ended: threading.Event) -> None:
    over = False
    failed: set[Gauge] = set()
    while not over:
        over = ended.wait(_REFRESH_SECONDS)
        for gauge, read in shown:
            try:
                gauge.set(read())
            except Exception:  # the others go on, and so may this one
                if gauge not in failed:
                    log.exception("gauge not read", gauge=str(gauge))
                failed.add(gauge)


def forget_gauges(folder: Path, index: int) -> None:
    """Leave out of the page what the gauges of a process that is gone have shown."""
    mark_process_dead(index, str(folder))  # type: ignore[no-untyped-call] # the library left it untyped


def group_registry(folder: Path, pids: Callable[[], Iterable[int]]) -> CollectorRegistry:
    """Return what the group's page shows: all processes' metrics, and theirs as processes."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(folder))  # type: ignore[no-untyped-call] # the library left it untyped
    PlatformCollector(registry=registry)
    registry.register(ProcessesCollector(pids))
    return registry


class ProcessesCollector(Collector):
    """`process_*` metrics of several processes, summed; their start is the first one's.

    What processes that are gone have used of the CPU stays counted.
    """

    def __init__(self, pids: Callable[[], Iterable[int]]) -> None:
        self._pids = pids
        self._lock = threading.Lock()
        self._pid = 0
        self._one = ProcessCollector(pid=lambda: self._pid, registry=None)
        self._cpu: dict[int, float] = {}
        self._cpu_of_gone = 0.0

    def collect(self) -> Iterable[Metric]:
        """Read each process's metrics from the system."""
        pids = list(self._pids())
        found: dict[str, Metric] = {}
        each: dict[str, list[float]] = {}
        with self._lock:
            for self._pid in pids:
                for metric in self._one.collect():
                    found.setdefault(metric.name, metric)
                    value = metric.samples[0].value
                    each.setdefault(metric.name, []).append(value)
                    if metric.type == "counter":
                        self._cpu[self._pid] = value
            for pid in self._cpu.keys() - set(pids):
                self._cpu_of_gone += self._cpu.pop(pid)
            for name, metric in found.items():
                total = min(each[name]) if name == _START else sum(each[name])
                if metric.type == "counter":
                    total = sum(self._cpu.values()) + self._cpu_of_gone
                metric.samples = [metric.samples[0]._replace(value=total)]
        return found.values()
