"""Folding: hits become one a burst as they come, the nearest of its photos."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from qdrant_client import grpc as api

from sketchzoo.qdrant.query import BURST, NEAR_DUPLICATE, Nearest

# Hits asked for with all that is known of them; of more than that only the bursts are told,
# and then the page's photos are read.
_MAX_WHOLE = 64
# Hits of one query: so many without their payload fit into an answer.
_MAX_HITS = 5_000
# More hits than this many times those wanted are not folded one by one: groups are.
_PATIENCE = 4


@dataclass(frozen=True, slots=True)
class BurstCounts:
    """How many photos a collection has, how many are of no burst, and near-duplicates.

    The last is None where the collection has no index of them.
    """

    photos: int
    without: int
    near_duplicates: int | None

    @classmethod
    def of(cls, info: api.CollectionInfo) -> Self | None:
        """Read them from what Qdrant tells of a collection; None where no photo folds.

        So it is without an index of bursts, and where no photo is another's near-duplicate.
        """
        schema = info.payload_schema
        if BURST not in schema:
            return None
        near = schema[NEAR_DUPLICATE].points if NEAR_DUPLICATE in schema else None
        if near == 0:
            return None
        return cls(info.points_count, max(0, info.points_count - schema[BURST].points), near)

    @property
    def share(self) -> float:
        """Which part of the photos is folded into others, as far as is known."""
        if self.near_duplicates is None or not self.photos:
            return 0.5
        return min(1.0, self.near_duplicates / self.photos)


@dataclass(frozen=True, slots=True)
class Bursts:
    """What is known of a collection's bursts.

    `several` are those of more than one photo, and maybe some that were; None where there are
    too many to know them.
    """

    counts: BurstCounts
    several: frozenset[str] | None


class Folding:
    """The hits of one collapsed query while they are gathered, best first.

    Ask what `fill` writes and `add` its answer until it is `complete`, or `too_long`: then so
    many photos fold that Qdrant's groups find the page in fewer calls.
    """

    def __init__(self, query: Nearest, bursts: Bursts) -> None:
        self.query = query
        self.complete = False
        self._bursts = bursts
        self._wanted = query.offset + query.limit
        # So many more are asked for as are likely to be folded.
        self._spare = 1 + math.ceil(2 * bursts.counts.share * query.limit)
        self.whole = self._wanted + self._spare <= _MAX_WHOLE
        """Whether hits are told with all that is known of them, not with their burst alone."""
        self._asked = 0
        self._seen = 0
        # The nearest photo of each burst; a photo of no burst is one of its own.
        self._kept: dict[str, api.ScoredPoint] = {}
        self._known = bursts.several or frozenset()
        # Bursts met that may have further photos among the hits to come: they are left out.
        self._excluded: dict[str, None] = {}
        # Hits met that are not left out.
        self._passed = 0

    @property
    def too_long(self) -> bool:
        """Whether far more was folded than is wanted."""
        return not self.complete and self._seen > _PATIENCE * self._wanted

    def fill(self, message: api.QueryPoints, collection: str) -> None:
        """Write the query for the next hits."""
        self._asked = min(self._wanted - len(self._kept) + self._spare, _MAX_HITS)
        self._spare *= 2
        self.query.fill_hits(
            message,
            collection,
            limit=self._asked,
            offset=self._passed,
            excluded=tuple(self._excluded),
            only_bursts=not self.whole,
        )

    def add(self, hits: Sequence[api.ScoredPoint]) -> None:
        """Take the answer to the last query."""
        self._seen += len(hits)
        for hit in hits:
            burst = burst_of(hit)
            key = burst or f"id {hit.id.uuid}"
            # One met twice has others, whatever the look before said.
            if burst and (key in self._kept or burst in self._known):
                self._excluded[burst] = None
            self._kept.setdefault(key, hit)
        self._passed = sum(burst_of(hit) not in self._excluded for hit in self._kept.values())
        self.complete = len(hits) < self._asked or len(self._kept) >= self._wanted

    def page(self) -> list[api.ScoredPoint]:
        """Return the page's hits, best first."""
        page = list(self._kept.values())[self.query.offset : self._wanted]
        # Found in rounds by an index that may miss some, they may be out of order.
        return sorted(page, key=lambda hit: hit.score, reverse=True)

    def has_others(self, burst: str) -> bool:
        """Tell whether other photos of a burst have to be counted."""
        return burst in self._excluded or (self._bursts.several is None and bool(burst))


def burst_of(hit: api.ScoredPoint) -> str:
    """Return the burst that a hit is of, empty where it is of none."""
    payload = hit.payload
    return payload[BURST].string_value if BURST in payload else ""
