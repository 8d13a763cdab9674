"""The processes of a group: their parent starts them, holds their port and shows their metrics.

The parent answers no call. It binds the port with SO_REUSEPORT and does not listen; each child
listens on it, and the system gives every connection to one of them
(docs/adr/0080-processes-on-one-port.md).
"""

import multiprocessing
import os
import shutil
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import structlog

from sketchzoo.address import hold, tell_port
from sketchzoo.child import end_with_parent
from sketchzoo.cores import available_cores
from sketchzoo.group.ledger import Ledger
from sketchzoo.group.member import Member
from sketchzoo.settings import ServerSettings
from sketchzoo.telemetry.page import MetricsPage
from sketchzoo.telemetry.shared import forget_gauges, group_registry, metrics_folder, shared_metrics

# More than this many deaths within a minute are no accident.
_DEATHS = 3
_DEATHS_SECONDS = 60.0
# Threads of one interpreter keep no more of them busy.
_CORES_EACH = 4
# What a child may take beyond `drain_seconds` until it is ended.
_GRACE_SECONDS = 5.0
# What the user gave cannot be used: the command says so, with its own name before it.
_UNUSABLE = (OSError, ValueError, ImportError)

S = TypeVar("S", bound=ServerSettings)

log = structlog.get_logger()


class GroupError(RuntimeError):
    """The group cannot go on; the message says why."""


class Told(Protocol):
    """Hears that a part answers calls, and what there is to say of it."""

    def __call__(self, **facts: object) -> object:
        """Tell."""


Work = Callable[[S, Member, Told], None]
"""What a member does: serve with its settings until SIGTERM, and tell once when it serves."""


def default_size() -> int:
    """Return how many processes the cores are good for: one for every four, at least one."""
    return max(1, available_cores() // _CORES_EACH) if sys.platform == "linux" else 1


def run_group(settings: S, size: int, work: "Work[S]") -> None:
    """Serve with `size` processes on one port until SIGTERM or Ctrl-C.

    `work` is a module's function. Its processes' settings name the port, which is held, and no
    metrics page. One that ends is started anew.

    Raises:
        OSError: a port is taken.
        GroupError: more than three processes have ended within a minute, or one that was asked to
            did not.
        Exception: what `work` has raised of what a user can set right, in one process, before
            all served; from then on it is a death like others.

    """
    start = time.perf_counter()
    with ExitStack() as held:
        # First of all: a signal at any later moment lets go of what is held.
        asked = held.enter_context(_asked_to_stop())
        sockets = [held.enter_context(each) for each in hold(settings.host, settings.port)]
        folder = held.enter_context(metrics_folder())
        ledger = Ledger.create(size)
        held.callback(ledger.close)
        port = int(sockets[0].getsockname()[1])
        alike = {"port": port, "port_file": None, "metrics_port": None}
        place = _Place(0, size, ledger, folder)
        group = _Group(settings.model_copy(update=alike), work, place)
        registry = group_registry(folder, group.pids)
        page = MetricsPage(registry, settings.host, settings.metrics_port)
        with page, group:
            facts = group.start(asked)
            if facts is None:
                return
            tell_port(settings.port_file, port)
            ports = {"port": port, "metrics_port": page.port, "processes": size}
            seconds = round(time.perf_counter() - start, 3)
            log.info("serving", **{**facts, **ports, "seconds": seconds})
            group.watch(asked)


@dataclass(frozen=True, slots=True)
class _Place:
    """What a child gets of its group: its index, and where all count and keep their metrics."""

    index: int
    size: int
    ledger: Ledger
    metrics: Path


@dataclass(slots=True, eq=False)
class _Child:
    """A process, and what it says: what it serves, or why it can't."""

    index: int
    process: SpawnProcess
    connection: Connection
    facts: Mapping[str, Any] | None = None
    problem: Exception | None = None
    is_heard: bool = True

    def hear(self) -> None:
        """Take what it has said, if anything."""
        try:
            while self.is_heard and self.connection.poll():
                said = self.connection.recv()
                if isinstance(said, Exception):
                    self.problem = said
                else:
                    self.facts = said
        except (EOFError, OSError):
            self.is_heard = False

    def handles(self) -> list[Any]:
        """Return what becomes ready when it says something, or has ended."""
        said = [self.connection] if self.is_heard else []
        return [self.process.sentinel, *said]


class _Group(Generic[S]):
    """The children while the context is open; on leaving they are asked to end, then ended."""

    def __init__(self, settings: S, work: "Work[S]", place: _Place) -> None:
        self._settings = settings
        self._work = work
        self._place = place
        self._children: dict[int, _Child] = {}
        self._deaths: deque[float] = deque(maxlen=_DEATHS)
        self._is_started = False

    def __enter__(self) -> "_Group[S]":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        late = self._stop()
        if late and kind is None:
            numbers = ", ".join(str(index) for index in late)
            raise GroupError(f"killed, since asked to end it went on: process {numbers}")
        if kind is None:
            log.info("stopped")

    def pids(self) -> Sequence[int]:
        """Return the numbers of the group's processes, the parent's first."""
        children = [child.process.pid for child in list(self._children.values())]
        return [os.getpid(), *(pid for pid in children if pid is not None)]

    def start(self, asked: Connection) -> Mapping[str, Any] | None:
        """Start all; return what the first one serves once all do, None where asked to stop."""
        for index in range(self._place.size):
            self._spawn(index)
        while any(child.facts is None for child in self._children.values()):
            if self._is_asked_after_next(asked):
                return None
        self._is_started = True
        return self._children[0].facts

    def watch(self, asked: Connection) -> None:
        """Start anew what ends, until asked to stop."""
        while not self._is_asked_after_next(asked):
            pass

    def _is_asked_after_next(self, asked: Connection) -> bool:
        """Wait for the next thing that happens; tell whether it was that all should stop."""
        children = list(self._children.values())
        ready = wait([asked, *(each for child in children for each in child.handles())])
        if asked in ready:
            return True
        for child in children:
            child.hear()
            # Later it may be of the moment, a full disk or a model that is being replaced, and
            # those that serve go on.
            if child.problem is not None and not self._is_started:
                raise child.problem
            if child.process.sentinel in ready:
                self._replace(child)
        return False

    def _spawn(self, index: int) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(
            target=_child,
            args=(self._work, self._settings, replace(self._place, index=index), theirs),
            name=f"process-{index}",
        )
        with _without_ctrl_c():
            process.start()
        theirs.close()
        self._children[index] = _Child(index, process, ours)

    def _replace(self, child: _Child) -> None:
        child.process.join()
        child.connection.close()
        self._forget(child.index)
        status = child.process.exitcode
        now = time.monotonic()
        often = len(self._deaths) == _DEATHS and now - self._deaths[0] < _DEATHS_SECONDS
        self._deaths.append(now)
        why = {} if child.problem is None else {"error": str(child.problem)}
        log.error("process ended", process=child.index, status=status, **why)
        if often:
            raise GroupError(
                f"{_DEATHS + 1} processes have ended within {_DEATHS_SECONDS:g} s, "
                f"the last with {child.problem or f'status {status}'}"
            )
        try:
            self._spawn(child.index)
        except OSError as error:
            raise GroupError(f"no process can be started anew: {error}") from error

    def _forget(self, index: int) -> None:
        """Let a process that has ended hold and show nothing."""
        forget_gauges(self._place.metrics, index)
        self._place.ledger.clear(index)

    def _stop(self) -> list[int]:
        """End all; return those that had to be killed."""
        children = list(self._children.values())
        for child in children:
            child.process.terminate()
        end = time.monotonic() + self._settings.drain_seconds + _GRACE_SECONDS
        try:
            for child in children:
                child.process.join(max(0.0, end - time.monotonic()))
        finally:  # a second Ctrl-C among them
            late = [child.index for child in children if child.process.exitcode is None]
            for child in children:
                child.process.kill()
                child.process.join()
                child.connection.close()
        return late


def _child(work: "Work[S]", settings: S, place: _Place, parent: Connection) -> None:
    """Serve as one of a group: what runs in its process."""
    end_with_parent(partial(shutil.rmtree, place.metrics, ignore_errors=True))
    structlog.contextvars.bind_contextvars(process=place.index)
    member = Member(place.index, place.size, place.ledger.of(place.index))
    place.ledger.close()
    try:
        with shared_metrics(place.metrics, place.index):
            work(settings, member, lambda **facts: parent.send(facts))
    except _UNUSABLE as error:
        _send(parent, error)
        sys.exit(1)
    except Exception:
        log.exception("process failed")
        sys.exit(1)


def _send(parent: Connection, error: Exception) -> None:
    # The parent may not know how to make it anew.
    problem = error if isinstance(error, OSError | ImportError) else ValueError(str(error))
    with suppress(OSError):  # the parent is ending
        parent.send(problem)


@contextmanager
def _asked_to_stop() -> Iterator[Connection]:
    """Make SIGTERM and Ctrl-C readable; a second one does what it would have done before."""
    told, tell = multiprocessing.Pipe(duplex=False)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def reset() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def ask(*_: object) -> None:
        reset()
        tell.send_bytes(b".")

    for number in before:
        signal.signal(number, ask)
    try:
        yield told
    finally:
        reset()
        told.close()
        tell.close()


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Keep Ctrl-C from what is started inside: it is the parent's, which asks its children."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
