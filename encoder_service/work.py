"""Work: one call's images and texts on their way through queue, workers and model."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from sketchzoo.images import ImageError, Modality
from sketchzoo.tokenizer import NoTokensError

DropReason = Literal["cancelled", "deadline", "queue_full"]


@dataclass(frozen=True, slots=True)
class ImageFile:
    """An image file's bytes and what it shows."""

    content: bytes
    modality: Modality


@dataclass(frozen=True, slots=True)
class Text:
    """A text to embed."""

    text: str


Item = ImageFile | Text


@dataclass(slots=True)
class Timings:
    """Where the time of some items went, summed."""

    decode: float = 0.0
    queue: float = 0.0
    encode: float = 0.0


class NoEmbeddingError(Exception):
    """The model's answer for an item is not finite: the fault of the model, not of the item."""


Outcome = bytes | ImageError | NoTokensError | NoEmbeddingError
"""What became of an item: its packed `<f4` vector, or why there is none."""


@dataclass(frozen=True, slots=True)
class Embeddings:
    """What became of a call's items, in order."""

    outcomes: Sequence[Outcome]
    seconds: Timings


class AbandonedError(Exception):
    """The encoder closed before the model ran; the call's items were dropped."""


class DeadlinePassedError(Exception):
    """The call's deadline passed before the model ran; its items were dropped."""


@dataclass(slots=True, eq=False)
class Work:
    """The items of one call.

    `deadline` and `arrived` are readings of `time.monotonic`. `done` is called once, in
    whatever thread ends the work: when each item has its outcome, or on failure.
    Items are taken in order by `WorkQueue`, under its lock; outcomes come from the
    workers in any order.
    """

    items: Sequence[Item]
    deadline: float
    arrived: float
    done: Callable[[], None]
    taken: int = 0
    ended: DropReason | None = None
    error: Exception | None = None
    outcomes: list[Outcome | None] = field(init=False)
    seconds: Timings = field(default_factory=Timings)
    _left: int = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        if not self.items:
            raise ValueError("items must hold at least one")
        self.outcomes = [None] * len(self.items)
        self._left = len(self.items)

    @property
    def waiting(self) -> int:
        """How many items no worker has taken yet."""
        return len(self.items) - self.taken

    def must_drop(self, now: float) -> DropReason | None:
        """Say why the work's items must not reach the model, if so; ends overdue work."""
        if self.ended is None and now >= self.deadline:
            self.fail(DeadlinePassedError())
            self.ended = "deadline"
        return self.ended

    def abandon(self) -> None:
        """End the work since nothing is embedded any more."""
        if self.ended is None:
            self.fail(AbandonedError())
            self.ended = "cancelled"

    def finish(self, index: int, outcome: Outcome, seconds: Timings) -> None:
        """Take an item's outcome; the last one ends the work."""
        with self._lock:
            self.outcomes[index] = outcome
            self.seconds.decode += seconds.decode
            self.seconds.queue += seconds.queue
            self.seconds.encode += seconds.encode
            self._left -= 1
            last = self._left == 0 and self.error is None
        if last:
            self.done()

    def fail(self, error: Exception) -> None:
        """End the work with an error; only the first one counts."""
        with self._lock:
            if self.error is not None:
                return
            self.error = error
        self.done()

    def result(self) -> Embeddings:
        """Return the outcomes, or raise what ended the work."""
        if self.error is not None:
            raise self.error
        outcomes = [outcome for outcome in self.outcomes if outcome is not None]
        if len(outcomes) != len(self.items):
            raise RuntimeError("the work was read before each item had its outcome")
        return Embeddings(outcomes, self.seconds)


@dataclass(frozen=True, slots=True)
class Entry:
    """One item of a work."""

    work: Work
    index: int

    @property
    def item(self) -> Item:
        """What is to be embedded."""
        return self.work.items[self.index]

    @property
    def image(self) -> ImageFile:
        """The image's file, of an item that is one."""
        item = self.item
        if isinstance(item, Text):
            raise TypeError("the item is a text")
        return item
