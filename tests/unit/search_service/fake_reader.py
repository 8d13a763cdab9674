"""A fake photo reader: a gallery in memory, exact, that is told when to fail."""

import asyncio
import hashlib
import math
import operator
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sketchzoo.qdrant import (
    AnyOf,
    CollectionNotFoundError,
    Filter,
    Gallery,
    GeoBoundingBox,
    GeoPoint,
    GeoRadius,
    Nearest,
    Photo,
    PhotoNotFoundError,
    Range,
    ScoredPhoto,
)
from sketchzoo.qdrant.filter import Test
from sketchzoo.rpc import (
    CallError,
)
from tests.unit.search_service.fake_encoder import DIMENSION, embedding_of


def photo(number: int, class_name: str = "cat", **payload: Any) -> Photo:
    """Make up a photo with columns of its source's."""
    return Photo(
        class_name=class_name,
        uri=f"file:///nowhere/{number}.jpg",
        sha256=hashlib.sha256(str(number).encode()).hexdigest(),
        width=640,
        height=480,
        payload={"number": number, **payload},
    )


def taken(number: int, **known: Any) -> Photo:
    """Make up a photo of a library: without a class, with what else is known of it."""
    return replace(photo(number, ""), **known)


@dataclass
class FakeReader:
    """The `PhotoReader` of a gallery in memory: exact, and told when to fail."""

    fingerprint: str = "model-a"
    name: str = "photos"
    suffix: str = ""
    others: dict[str, "FakeReader"] = field(default_factory=dict)
    listed: int = 0
    photos: dict[str, tuple[Photo, tuple[float, ...]]] = field(default_factory=dict)
    seconds: float = 0.0
    error: CallError | None = None
    missing: set[str] = field(default_factory=set)
    asked: list[tuple[str, Nearest]] = field(default_factory=list)
    fetched: list[tuple[str, ...]] = field(default_factory=list)
    timeouts: list[float | None] = field(default_factory=list)
    calls: int = 0
    counted: int = 0
    cancelled: int = 0

    def add(self, photo: Photo) -> str:
        """Add a photo with a made up embedding; return its id."""
        self.photos[photo.id] = photo, embedding_of(photo.sha256.encode(), "photo")
        return photo.id

    @property
    def collection(self) -> str:
        return f"{self.name}-{self.fingerprint}{self.suffix}"

    def beside(self, name: str) -> "FakeReader":
        """Make another gallery, without photos, in the same Qdrant."""
        made = self.others[name] = FakeReader(name=name)
        return made

    def of(self, name: str) -> "FakeReader":
        """Return the reader of a gallery."""
        return self if name == self.name else self.others[name]

    async def listing(self) -> dict[str, str]:
        self.listed += 1
        self._fail()
        return {each.name: each.collection for each in (self, *self.others.values())}

    async def current(self, timeout_seconds: float | None = None) -> Gallery:
        self._fail()
        fields = {"class": "keyword", "taken_at": "datetime"}
        return Gallery(self.collection, self.fingerprint, DIMENSION, fields)

    def _in(self, collection: str) -> "FakeReader":
        """Return the gallery of a collection: this one's where no other has it."""
        found = [each for each in self.others.values() if each.collection == collection]
        gallery = found[0] if found else self
        if collection in self.missing:
            raise CollectionNotFoundError(collection)
        gallery._fail()
        return gallery

    async def nearest(
        self, collection: str, queries: Sequence[Nearest], timeout_seconds: float | None = None
    ) -> list[list[ScoredPhoto]]:
        self.calls += 1
        self.asked += [(collection, query) for query in queries]
        self.timeouts.append(timeout_seconds)
        await self._wait()
        gallery = self._in(collection)
        return [gallery._nearest(query) for query in queries]

    async def get(
        self, collection: str, ids: Sequence[str], timeout_seconds: float | None = None
    ) -> dict[str, Photo]:
        photos = self._in(collection).photos
        return {each: photos[each][0] for each in ids if each in photos}

    async def vectors(
        self, collection: str, ids: Sequence[str], timeout_seconds: float | None = None
    ) -> dict[str, list[float]]:
        self.fetched.append(tuple(ids))
        photos = self._in(collection).photos
        return {each: list(photos[each][1]) for each in ids if each in photos}

    async def classes(
        self,
        collection: str,
        condition: Filter,
        timeout_seconds: float | None = None,
        field: str = "class",
    ) -> dict[str, int]:
        await self._wait()
        found = (each.to_payload().get(field) for each in self._meeting(collection, condition))
        return dict(sorted(Counter(filter(None, found)).items()))

    async def count(
        self,
        collection: str,
        condition: Filter | None = None,
        timeout_seconds: float | None = None,
    ) -> int:
        self.counted += 1
        return len(self._meeting(collection, condition or Filter()))

    async def folders(
        self,
        collection: str,
        parent: str,
        condition: Filter,
        timeout_seconds: float | None = None,
    ) -> dict[str, int]:
        self.counted += 1
        depth = len(parent.split("/")) if parent else 0
        found: Counter[str] = Counter()
        for each in self._meeting(collection, condition):
            above = [*each.to_payload().get("folders", ())]
            if len(above) > depth and (not parent or above[depth - 1] == parent):
                found[above[depth]] += 1
        return dict(found)

    async def span(
        self, collection: str, timeout_seconds: float | None = None
    ) -> tuple[datetime, datetime] | None:
        taken = [each.taken_at for each in self._meeting(collection, Filter()) if each.taken_at]
        return (min(taken), max(taken)) if taken else None

    def _meeting(self, collection: str, condition: Filter) -> list[Photo]:
        kept = self._in(collection).photos.values()
        return [found for found, _ in kept if holds(condition, found)]

    async def _wait(self) -> None:
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        self._fail()

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error

    def _nearest(self, query: Nearest) -> list[ScoredPhoto]:
        for named in query.named:
            if named not in self.photos:
                raise PhotoNotFoundError(named)
        vectors = [self.photos[named][1] for named in query.liked]
        if query.photo_id is not None:
            vectors.append(self.photos[query.photo_id][1])
        if query.vector is not None:
            vectors.append(query.vector)
        wanted = [sum(values) for values in zip(*vectors, strict=True)]
        found = [
            ScoredPhoto(each, kept, (1 + _cosine(wanted, vector)) / 2)
            for each, (kept, vector) in self.photos.items()
            if each not in query.named and holds(query.filter, kept)
        ]
        found.sort(key=lambda scored: (-scored.score, scored.id))
        found = [one for one in found if one.score >= (query.min_score or 0)]
        if query.collapse:
            bursts: dict[str, list[ScoredPhoto]] = {}
            for one in found:
                bursts.setdefault(one.photo.burst or one.id, []).append(one)
            found = [replace(same[0], near_duplicates=len(same) - 1) for same in bursts.values()]
        return found[query.offset : query.offset + query.limit]


def holds(condition: Filter, kept: Photo) -> bool:
    """Tell whether a photo meets a filter, as the proto's comments say it."""
    payload = kept.to_payload()
    wanted = (
        ("class", condition.classes),
        ("folders", condition.folders),
        ("seen_class", condition.seen_classes),
    )
    for name, values in wanted:
        if values and not _meets(AnyOf(values), payload.get(name)):
            return False
    if kept.class_name in condition.excluded_classes:
        return False
    return all(_meets(one.test, payload.get(one.field)) for one in condition.fields)


def _meets(test: Test, value: Any) -> bool:
    if isinstance(value, list):
        return any(_meets(test, each) for each in value)
    match test:
        case Range():
            bounds = test.bounds
            if any(isinstance(bound, datetime) for bound in bounds.values()):
                value = datetime.fromisoformat(value) if isinstance(value, str) else None
            elif isinstance(value, bool) or not isinstance(value, int | float):
                value = None
            return value is not None and all(
                getattr(operator, {"gte": "ge", "lte": "le"}.get(name, name))(value, bound)
                for name, bound in bounds.items()
            )
        case AnyOf():
            return any(_meets(each, value) for each in test.values)
        case GeoRadius():
            return value is not None and _metres(value, test.center) <= test.radius
        case GeoBoundingBox():
            north, south = test.top_left.lat, test.bottom_right.lat
            east = (test.bottom_right.lon - test.top_left.lon) % 360
            return value is not None and (
                south <= value["lat"] <= north and (value["lon"] - test.top_left.lon) % 360 <= east
            )
        case _:
            return type(value) is type(test) and value == test


def _metres(place: Any, center: GeoPoint) -> float:
    """Return how far a payload's place is, as on a ball (haversine)."""
    a, b = math.radians(place["lat"]), math.radians(center.lat)
    across = math.radians(place["lon"] - center.lon)
    chord = math.sin((a - b) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(across / 2) ** 2
    return 2 * 6_371_000 * math.asin(math.sqrt(chord))


def _cosine(a: Sequence[float], b: Sequence[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True)) / (math.hypot(*a) * math.hypot(*b))
