"""Changes of photos that are there: deleting them, and what is kept beside their embeddings."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from weakref import WeakValueDictionary

from sketchzoo.qdrant import Filter, Photo, PhotoNotFoundError, PhotoWriter, QdrantConnection
from sketchzoo_ingest.gallery_service.request import PayloadChange
from sketchzoo_ingest.gallery_service.store import IsHeld, PhotoStore, store_away

# Deleted at once where a filter says which.
_PAGE = 256


class Changes:
    """Deletes and changes photos of the galleries that searches see."""

    def __init__(
        self, connection: QdrantConnection, store: PhotoStore | None, is_held: IsHeld
    ) -> None:
        self._connection = connection
        self._store = store
        self._is_held = is_held
        # Of one photo, changes come one after the other: each reads what it changes.
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def delete(self, gallery: str, selection: Sequence[str] | Filter) -> int:
        """Delete photos, and the files kept of them; return how many there were.

        Cut off, what is left is deleted by the same call again.

        Raises:
            CallError: Qdrant or the store is away.

        """
        writer = PhotoWriter(self._connection, gallery)
        collection = await writer.published()
        if collection is None:
            return 0
        if not isinstance(selection, Filter):
            found = await writer.get(collection, list(dict.fromkeys(selection)))
            return await self._delete(writer, collection, list(found.values()))
        deleted = 0
        while page := await writer.matching(collection, selection, _PAGE):
            deleted += await self._delete(writer, collection, page)
        return deleted

    async def set_payload(self, gallery: str, change: PayloadChange) -> bool:
        """Change a photo's payload; return whether anything was different.

        Raises:
            CallError: NOT_FOUND, there is no such photo; Qdrant is away.

        """
        writer = PhotoWriter(self._connection, gallery)
        async with self._lock(gallery, change.photo_id):
            collection = await writer.published()
            found = await writer.get(collection, [change.photo_id]) if collection else {}
            if collection is None or change.photo_id not in found:
                raise PhotoNotFoundError(change.photo_id)
            before = found[change.photo_id]
            wanted = _changed(before, change)
            if wanted == before:
                return False
            await writer.set_payload(collection, wanted)
            return True

    async def _delete(self, writer: PhotoWriter, collection: str, photos: Sequence[Photo]) -> int:
        async with AsyncExitStack() as stack:
            if self._store is not None:
                uris = [photo.uri for photo in photos]
                releasing = self._store.releasing(uris, self._is_held)
                try:
                    await stack.enter_async_context(releasing)
                except OSError as error:
                    raise store_away(error) from error
            await writer.delete(collection, [photo.id for photo in photos])
        return len(photos)

    def _lock(self, gallery: str, photo_id: str) -> asyncio.Lock:
        key = (gallery, photo_id)
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        return lock


def _changed(photo: Photo, change: PayloadChange) -> Photo:
    columns = {**photo.payload, **change.columns}
    return replace(
        photo,
        class_name=photo.class_name if change.class_name is None else change.class_name,
        rating=photo.rating if change.rating is None else change.rating,
        payload={name: value for name, value in columns.items() if value is not None},
    )
