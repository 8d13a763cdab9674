"""Folding: the bursts of photos that are new, once all of them are in the collection.

What looks alike is found as in one process, and so is the order: a photo joins the burst of one
listed before it, or of one that was there before the job.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace

from sketchzoo.qdrant import Photo
from sketchzoo_ingest.bursts import SERIES, Likeness, likenesses
from sketchzoo_ingest.collection import QdrantCollection
from sketchzoo_ingest.outcome import Outcome
from sketchzoo_ingest.ray.records import Records

_ASKED = 16
_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class _Alike:
    photo: Photo
    others: tuple[Likeness, ...]


async def folded(
    records: Records, partitions: int, collection: QdrantCollection, standing: Mapping[str, Photo]
) -> AsyncIterator[Photo]:
    """Yield the new photos that belong into another burst than they are in.

    Of those that several partitions list, `standing` says how they are. Only photos that look
    like others are held.

    Raises:
        CallError: Qdrant stayed away.

    """
    found: dict[str, _Alike] = {}
    for number in range(partitions):
        photos: dict[str, Photo] = {}
        for row in records.rows(number):
            photo = row.photo if row.outcome == Outcome.WRITTEN else None
            photo = standing.get(row.photo_id, photo)
            if photo is not None and photo.phash:
                photos[photo.id] = photo
        new = [photos[key] for key in photos if key not in found]
        asked = [new[first : first + _ASKED] for first in range(0, len(new), _ASKED)]
        for first in range(0, len(asked), _AT_ONCE):
            some = asked[first : first + _AT_ONCE]
            answers = await asyncio.gather(*(collection.alike(each, SERIES) for each in some))
            for alike_of, answer in zip(some, answers, strict=True):
                others = {each.id: each for each in answer}
                for photo in alike_of:
                    if alike := likenesses(photo, others):
                        found[photo.id] = _Alike(photo, tuple(alike))
    for photo in _resolved(found):
        yield photo


def _resolved(found: Mapping[str, _Alike]) -> list[Photo]:
    bursts: dict[str, str] = {}
    changed: list[Photo] = []
    # In the order of the listing: of others that are new, only those before have a burst yet.
    for key, each in found.items():
        before = [
            (other.distance, bursts.get(other.photo_id, other.burst))
            for other in each.others
            if other.photo_id in bursts or other.photo_id not in found
        ]
        burst = bursts[key] = min(before)[1] if before else key
        if burst != each.photo.burst:
            changed.append(replace(each.photo, burst=burst))
    return changed
