"""A copy of a gallery in another Qdrant, step by step.

The alias moves last: searches there see the old gallery or the whole new one.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from sketchzoo.qdrant import PhotoReader, PhotoWriter, QdrantConnection
from sketchzoo.qdrant.copying import CollectionEnd, Point, PointId, key, same_payload
from sketchzoo.rpc import precondition
from sketchzoo_ingest.retry import RetryPolicy

PART = "Qdrant"
# Who writes into the gallery meanwhile is caught up with so often.
_PASSES = 3
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy came to."""

    gallery: str
    collection: str
    photos: int
    written: int
    unchanged: int
    deleted: int


@dataclass(slots=True)
class Progress:
    """What a copy has done so far, of how many photos."""

    photos: int = 0
    looked_at: int = 0
    written: int = 0
    deleted: int = 0


class GalleryCopy:
    """Copies a gallery once; `progress` tells how far it is."""

    def __init__(
        self,
        source: QdrantConnection,
        target: QdrantConnection,
        retry: RetryPolicy,
        *,
        gallery: str,
        name: str,
        shards: int | None = None,
        delete_others: bool = False,
    ) -> None:
        self._source = source
        self._target = target
        self._retry = retry
        self._gallery = gallery
        self._name = name
        self._shards = shards
        self._delete_others = delete_others
        self.progress = Progress()

    async def run(self) -> Copied:
        """Copy, compare counts, and let the alias name the copy.

        Raises:
            CallError: one of both stayed away; FAILED_PRECONDITION, there is no such gallery,
                its copy would lie in a collection of other embeddings, or the copy holds
                photos that the gallery has not.

        """
        reader = PhotoReader(self._source, self._gallery)
        current = await self._call(reader.current)
        writer = PhotoWriter(self._target, self._name)
        source = CollectionEnd(self._source, current.collection)
        target = CollectionEnd(self._target, writer.name(current.fingerprint))
        described = await self._call(source.describe)
        await self._call(partial(target.make_like, described, self._shards))
        await self._check_dimension(target, current.dimension)
        for _ in range(_PASSES):
            await self._pass(source, target)
            photos = await self._call(source.count)
            if await self._call(target.count) == photos:
                break
        else:
            raise precondition(
                "COPY_DIFFERS",
                f"{target.name} holds {await self._call(target.count)} photos, the gallery "
                f"{photos}: the alias was not moved. Copy again when nothing is written to the "
                "gallery; --delete-others deletes photos that the gallery has not",
            )
        await self._call(partial(writer.publish, target.name))
        done = self.progress
        unchanged = max(0, photos - done.written)
        return Copied(self._name, target.name, photos, done.written, unchanged, done.deleted)

    async def _pass(self, source: CollectionEnd, target: CollectionEnd) -> None:
        done = self.progress
        done.photos, done.looked_at = await self._call(source.count), 0
        async for points in self._points(source, whole=True):
            there = await self._call(partial(target.get, points, payload=True))
            wanted = [
                point
                for point in points
                if (known := there.get(key(point))) is None or not same_payload(point, known)
            ]
            if wanted:
                await self._call(partial(target.write, wanted))
            done.written += len(wanted)
            done.looked_at += len(points)
        if not self._delete_others:
            return
        async for points in self._points(target, whole=False):
            kept = await self._call(partial(source.get, points, payload=False))
            others = [point for point in points if key(point) not in kept]
            if others:
                await self._call(partial(target.delete, others))
            done.deleted += len(others)

    async def _points(self, end: CollectionEnd, *, whole: bool) -> AsyncIterator[Sequence[Point]]:
        after: PointId | None = None
        while True:
            page = await self._call(partial(end.page, after, payload=whole, vectors=whole))
            if page.points:
                yield page.points
            if page.next is None:
                return
            after = page.next

    async def _check_dimension(self, target: CollectionEnd, dimension: int) -> None:
        described = await self._call(target.describe)
        size = described.config.params.vectors_config.params.size
        if size != dimension:
            raise precondition(
                "MODEL_MISMATCH",
                f"{target.name} is there already and holds embeddings of {size} values, the "
                f"gallery's have {dimension}: give the copy another name with --as",
            )

    async def _call(self, call: Callable[[], Awaitable[T]]) -> T:
        return await self._retry.call(PART, call)
