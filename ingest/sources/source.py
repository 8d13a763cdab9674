"""The protocol of sources, and what they list."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ingest.outcome import Reason, Refusal, RefusedError

# Longer ones are no names but a file's contents gone astray.
_MAX_CLASS = 200


@dataclass(frozen=True, slots=True)
class Candidate:
    """A photo that a source lists, before anything of it was read.

    `location` tells its source where the bytes are, `origin` tells people (a path, or
    a manifest's line). `size` is the file's length in bytes, None where only reading
    will tell. A plain value: it may be sent to another machine that has the source.
    """

    uri: str
    class_name: str
    location: str
    origin: str
    size: int | None = None
    payload: Mapping[str, str | int | float | bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.size is not None and self.size < 0:
            raise ValueError(f"size must be bytes, not {self.size}")

    def refusal(self, reason: Reason, message: str) -> Refusal:
        """Return why this photo is left out."""
        return Refusal(self.origin, reason, message, self.uri, self.class_name)


class Source(Protocol):
    """Where photos come from: a folder, a manifest, later shards and object stores."""

    @property
    def name(self) -> str:
        """What the operator called it."""

    @property
    def root(self) -> str | None:
        """The prefix of all its photos' uris, and of no others'.

        None where photos that are gone cannot be told from others': no pruning then.
        """

    def candidates(self) -> Iterator[Candidate | Refusal]:
        """Yield every photo, always in the same order; called in a thread."""

    def read(self, candidate: Candidate, limit: int) -> bytes:
        """Return a photo's bytes; called in threads, several at once.

        Raises:
            RefusedError: it cannot be read, or has more than `limit` bytes.

        """


def check_class(name: str) -> str:
    """Return a class's name if it is one.

    Raises:
        RefusedError: it is empty, too long, or holds what no text does.

    """
    if not name:
        raise RefusedError(Reason.NO_CLASS, "has no class")
    if len(name) > _MAX_CLASS:
        raise RefusedError(Reason.BAD_NAME, f"its class has over {_MAX_CLASS} characters")
    if not name.isprintable():
        # Among them the stand-ins of bytes that are not UTF-8, which no message can carry.
        raise RefusedError(Reason.BAD_NAME, f"its class {name!a} is not printable text")
    return name
