"""The collection as the pipeline sees it: what it has, and writes that are tried again."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Protocol

from sketchzoo.qdrant import CollectionNotFoundError, Photo, PhotoWriter
from sketchzoo_ingest.embedder import Vector
from sketchzoo_ingest.retry import RetryPolicy

PART = "Qdrant"
# An index takes memory: filters by a source's further columns look at every photo.
_MOST_COLUMNS = 32


class Collection(Protocol):
    """One model's photos."""

    @property
    def is_missing(self) -> bool:
        """Whether it was found not to be there."""

    async def known(self, ids: Sequence[str]) -> Mapping[str, Photo]:
        """Return those of the photos that are there, by id."""

    async def by_uri(self, uris: Sequence[str]) -> Mapping[str, Photo]:
        """Return the photos whose files lie at these uris, by uri."""

    async def alike(self, photos: Sequence[Photo], within: timedelta) -> Sequence[Photo]:
        """Return photos that may look like one of these, or were taken shortly before or after."""

    async def upsert(self, photos: Sequence[tuple[Photo, Vector]]) -> None:
        """Write photos with their embeddings."""

    async def delete_at(self, photo: Photo) -> None:
        """Delete a photo if it still has this uri."""

    async def set_payload(self, photo: Photo) -> None:
        """Replace what is kept of a photo beside its embedding."""


class QdrantCollection:
    """A collection in Qdrant. All its writes may be made twice: ids come from the content."""

    is_missing = False

    def __init__(self, writer: PhotoWriter, name: str, retry: RetryPolicy) -> None:
        self._writer = writer
        self._name = name
        self._retry = retry
        self._columns: set[str] = set()

    async def known(self, ids: Sequence[str]) -> Mapping[str, Photo]:
        """Return those of the photos that are there, by id."""
        return await self._retry.call(PART, partial(self._writer.get, self._name, ids))

    async def by_uri(self, uris: Sequence[str]) -> Mapping[str, Photo]:
        """Return the photos whose files lie at these uris, by uri."""
        return await self._retry.call(PART, partial(self._writer.by_uri, self._name, uris))

    async def delete_at(self, photo: Photo) -> None:
        """Delete a photo if it still has this uri."""
        await self._retry.call(PART, partial(self._writer.delete_at, self._name, [photo]))

    async def alike(self, photos: Sequence[Photo], within: timedelta) -> Sequence[Photo]:
        """Return photos that may look like one of these, or were taken shortly before or after."""
        ask = partial(self._writer.alike, self._name, photos, within)
        return await self._retry.call(PART, ask)

    async def upsert(self, photos: Sequence[tuple[Photo, Vector]]) -> None:
        """Write photos with their embeddings; they are on disk when this returns.

        A column that is met for the first time gets its index before.
        """
        for photo, _ in photos:
            await self._index(photo)
        await self._retry.call(PART, partial(self._writer.upsert, self._name, photos))

    async def set_payload(self, photo: Photo) -> None:
        """Replace what is kept of a photo beside its embedding."""
        await self._index(photo)
        await self._retry.call(PART, partial(self._writer.set_payload, self._name, photo))

    async def _index(self, photo: Photo) -> None:
        for name, value in photo.payload.items():
            if name in self._columns or len(self._columns) == _MOST_COLUMNS:
                continue
            ask = partial(self._writer.index_column, self._name, name, value)
            await self._retry.call(PART, ask)
            self._columns.add(name)


class ReadOnlyCollection:
    """A collection that only answers what it has: nothing where it was never made."""

    def __init__(self, inner: QdrantCollection) -> None:
        self._inner = inner
        self.is_missing = False

    async def known(self, ids: Sequence[str]) -> Mapping[str, Photo]:
        """Return those of the photos that are there, by id."""
        return await self._found(partial(self._inner.known, ids))

    async def by_uri(self, uris: Sequence[str]) -> Mapping[str, Photo]:
        """Return the photos whose files lie at these uris, by uri."""
        return await self._found(partial(self._inner.by_uri, uris))

    async def alike(self, photos: Sequence[Photo], within: timedelta) -> Sequence[Photo]:
        """Return photos that may look like one of these, or were taken shortly before or after."""
        if self.is_missing:
            return ()
        return await self._inner.alike(photos, within)

    async def upsert(self, photos: Sequence[tuple[Photo, Vector]]) -> None:
        """Write nothing."""

    async def set_payload(self, photo: Photo) -> None:
        """Write nothing."""

    async def delete_at(self, photo: Photo) -> None:
        """Delete nothing."""

    async def _found(
        self, ask: Callable[[], Awaitable[Mapping[str, Photo]]]
    ) -> Mapping[str, Photo]:
        if self.is_missing:
            return {}
        try:
            return await ask()
        except CollectionNotFoundError:
            self.is_missing = True
            return {}
