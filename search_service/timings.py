"""Timings: where the time of a search went, in seconds."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds a stage; with `cached`, decode, queue and encode are 0."""

    decode: float = 0.0
    queue: float = 0.0
    encode: float = 0.0
    query: float = 0.0
    total: float = 0.0
    cached: bool = False

    def stages(self) -> Iterator[tuple[str, float]]:
        """Yield the stages that took place."""
        if self.encode:
            yield "decode", self.decode
            yield "queue", self.queue
            yield "encode", self.encode
        yield "query", self.query
        yield "total", self.total

    def and_of(self, other: Self) -> Self:
        """Return what both took: a query's text is embedded besides its picture."""
        return replace(
            self,
            decode=self.decode + other.decode,
            queue=self.queue + other.queue,
            encode=self.encode + other.encode,
            cached=self.cached and other.cached,
        )

    def ended(self, *, query: float, total: float) -> Self:
        """Return the timings with the last two stages filled in."""
        return replace(self, query=query, total=total)
