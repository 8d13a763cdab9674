"""A simulation: many ingest workers, and one Qdrant that writes so many points a second.

`python -m benchmarks.arrivals`. Each worker reads and embeds a batch, sends it, and goes on while
no more than `most_under_way` of its writes are unanswered. Qdrant takes writes in the order in
which they come. A write that is not answered within the deadline is given up by its worker and
sent again after a pause; Qdrant does not know, and does both: the same points twice, since they
are upserted by id. Nothing here is measured but the two rates that go in.
"""

import heapq
import itertools
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

UPSERTS_PER_SECOND = 19_600
"""What two cores of a Qdrant server took, 234 values a point (docs/operations/size.toml)."""
PHOTOS_PER_CORE_SECOND = 80
"""What one core of ingest reads and embeds (the same)."""
POINTS = 128
"""A write of ingest: `write_batch` by default. It has two under way."""
_RETRY_SECONDS = 0.5
# Batches of photos are not alike: each takes a quarter more or less.
_SPREAD = 0.25


@dataclass(frozen=True, slots=True)
class Scene:
    """Workers of one core each, how many writes each may have unanswered, and a write's deadline.

    Seconds are simulated; what comes before `warm` is not counted.
    """

    workers: int
    most_under_way: int
    deadline: float = 5.0
    upserts_per_second: float = UPSERTS_PER_SECOND
    seconds: float = 120.0
    warm: float = 30.0


@dataclass(slots=True)
class Figures:
    """What came of a scene: points written once and in vain, waits, and how idle workers were."""

    points: int = 0
    in_vain: int = 0
    waits: list[float] = field(default_factory=list)
    idle: float = 0.0

    def row(self, scene: Scene) -> tuple[str, ...]:
        """Return a row of the table."""
        counted = scene.seconds - scene.warm
        done = self.points + self.in_vain
        return (
            f"{scene.workers:,}",
            str(scene.most_under_way),
            f"{self.points / counted:,.0f}",
            *(f"{np.quantile(self.waits, q):.3g}" if self.waits else "-" for q in (0.5, 0.99)),
            f"{self.in_vain / max(1, done):.0%}",
            f"{self.idle / scene.workers / counted:.0%}",
        )


@dataclass(slots=True)
class _Write:
    """A batch on its way: whose, when it was first sent, whether its worker still waits for it."""

    worker: int
    begun: float
    awaited: bool = True


class _Run:
    """A scene's events in the order of their times."""

    def __init__(self, scene: Scene, seed: int) -> None:
        self.scene, self.figures = scene, Figures()
        self._chance = random.Random(seed)
        self._events: list[tuple[float, int, str, int, _Write | None]] = []
        self._order = itertools.count()
        self._queue = deque[_Write]()
        self._busy = False
        self._under_way = [0] * scene.workers
        # Since when a worker holds a batch that it may not send yet.
        self._held: dict[int, float] = {}

    def figure(self) -> Figures:
        """Run the scene to its end."""
        for worker in range(self.scene.workers):
            self._at(self._chance.random() * self._mean(), "embedded", worker)
        while self._events and self._events[0][0] < self.scene.seconds:
            now, _, kind, worker, write = heapq.heappop(self._events)
            getattr(self, f"_{kind}")(now, worker, write)
        for since in self._held.values():
            self._idle(since, self.scene.seconds)
        return self.figures

    def _mean(self) -> float:
        return POINTS / PHOTOS_PER_CORE_SECOND

    def _at(self, time: float, kind: str, worker: int, write: _Write | None = None) -> None:
        heapq.heappush(self._events, (time, next(self._order), kind, worker, write))

    def _embedded(self, now: float, worker: int, _: _Write | None) -> None:
        if self._under_way[worker] >= self.scene.most_under_way:
            self._held[worker] = now
        else:
            self._begin(now, worker)

    def _begin(self, now: float, worker: int) -> None:
        """Send a batch, and read the next."""
        self._under_way[worker] += 1
        self._send(now, worker, _Write(worker, now))
        spread = self._chance.uniform(1 - _SPREAD, 1 + _SPREAD)
        self._at(now + self._mean() * spread, "embedded", worker)

    def _send(self, now: float, worker: int, write: _Write | None) -> None:
        assert write is not None  # noqa: S101 - events of this kind have one
        self._queue.append(write)
        self._at(now + self.scene.deadline, "late", worker, write)
        if not self._busy:
            self._serve(now)

    def _serve(self, now: float) -> None:
        self._busy = bool(self._queue)
        if self._busy:
            write = self._queue.popleft()
            taken = POINTS / self.scene.upserts_per_second
            self._at(now + taken, "written", write.worker, write)

    def _written(self, now: float, worker: int, write: _Write | None) -> None:
        self._serve(now)
        assert write is not None  # noqa: S101 - as above
        counted = now > self.scene.warm
        if not write.awaited:
            self.figures.in_vain += POINTS * counted
            return
        write.awaited = False
        self.figures.points += POINTS * counted
        if counted:
            self.figures.waits.append(now - write.begun)
        self._under_way[worker] -= 1
        if (since := self._held.pop(worker, None)) is not None:
            self._idle(since, now)
            self._begin(now, worker)

    def _late(self, now: float, worker: int, write: _Write | None) -> None:
        assert write is not None  # noqa: S101 - as above
        if write.awaited:
            write.awaited = False
            again = _Write(worker, write.begun)
            self._at(now + _RETRY_SECONDS, "send", worker, again)

    def _idle(self, since: float, until: float) -> None:
        self.figures.idle += max(0.0, until - max(since, self.scene.warm))


def simulate(scene: Scene, seed: int = 0) -> Figures:
    """Return what comes of a scene; the same for the same seed."""
    return _Run(scene, seed).figure()


SCENES = (
    Scene(100, 2),
    Scene(245, 2),
    Scene(350, 2),
    Scene(500, 1),
    Scene(500, 2),
    Scene(1_000, 2),
    Scene(1_000, 2, deadline=30.0),
    Scene(1_000, 2, upserts_per_second=4 * UPSERTS_PER_SECOND),
    Scene(1_000, 2, upserts_per_second=8 * UPSERTS_PER_SECOND),
)


def table() -> Iterator[str]:
    """Yield the scenes' table as Markdown."""
    columns = (
        *("Qdrant", "deadline s", "workers", "writes under way each", "photos acknowledged/s"),
        *("a write's wait s, p50", "p99", "written in vain", "workers idle"),
    )
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"
    for scene in SCENES:
        servers = f"{scene.upserts_per_second / UPSERTS_PER_SECOND:g} x {UPSERTS_PER_SECOND:,}/s"
        row = (servers, f"{scene.deadline:g}", *simulate(scene).row(scene))
        yield f"| {' | '.join(row)} |"


if __name__ == "__main__":
    print("\n".join(table()))
