"""Bursts: photos that look nearly the same fold into one hit.

Two kinds are told by perceptual hashes: copies (resized, saved anew), whose hashes hardly
differ, and photos of a series, taken within seconds by one camera, whose hashes may differ
more. docs/adr/0071-bursts.md has what the numbers were measured by.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from sketchzoo.qdrant import Photo
from sketchzoo.qdrant.photo import phash_keys
from sketchzoo_ingest.collection import Collection
from sketchzoo_ingest.phash import distance

_COPY_BITS = 4
_SERIES_BITS = 20
SERIES = timedelta(seconds=3)
# A copy that was resized has the same sides' ratio, but for rounding.
_ASPECT = 0.03


class Bursts:
    """Finds each photo's burst, in the order in which photos are given.

    A photo joins the burst of the one most like it, among those the collection has and
    those under way; without any it is the first of its own. In the order of a listing two
    runs agree.
    """

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._under_way: dict[str, Photo] = {}

    async def assign(self, photos: Sequence[Photo]) -> list[str]:
        """Return each photo's burst; each is under way from now on.

        Raises:
            CallError: the collection stayed away.

        """
        if not photos:
            return []
        # Before the collection is asked: what is written meanwhile is in one of the two.
        others = dict(self._under_way)
        others |= {each.id: each for each in await self._collection.alike(photos, SERIES)}
        bursts: list[str] = []
        for photo in photos:
            key = photo.id
            alike = likenesses(photo, others)
            burst = min(alike).burst if alike else key
            bursts.append(burst)
            others[key] = self._under_way[key] = replace(photo, burst=burst)
        return bursts

    def done(self, photo_id: str) -> None:
        """Forget a photo that is written, or never will be."""
        self._under_way.pop(photo_id, None)


@dataclass(frozen=True, slots=True, order=True)
class Likeness:
    """How near another photo is that looks nearly the same, in bits, and its burst."""

    distance: int
    burst: str
    photo_id: str


def likenesses(photo: Photo, others: Mapping[str, Photo]) -> list[Likeness]:
    """Return which of others, by their ids, look nearly the same."""
    key = photo.id
    return [
        Likeness(distance(photo.phash, other.phash), other.burst or other_key, other_key)
        for other_key, other in others.items()
        if other_key != key and other.phash and (_is_copy(photo, other) or _is_series(photo, other))
    ]


def _is_copy(one: Photo, other: Photo) -> bool:
    if distance(one.phash, other.phash) > _COPY_BITS:
        return False
    ratio = one.width * other.height / (one.height * other.width)
    if abs(ratio - 1) > _ASPECT:
        return False
    # As the collection finds them, so that it makes no difference who is asked.
    return not set(phash_keys(one.phash)).isdisjoint(phash_keys(other.phash))


def _is_series(one: Photo, other: Photo) -> bool:
    if not one.camera or one.camera != other.camera:
        return False
    if one.taken_at is None or other.taken_at is None:
        return False
    return (
        abs(one.taken_at - other.taken_at) <= SERIES
        and distance(one.phash, other.phash) <= _SERIES_BITS
    )
