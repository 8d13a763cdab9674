"""Writing a partition: what concerns it alone at once, what concerns others held back."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sketchzoo.qdrant import CollectionOptions, Photo, PhotoWriter, QdrantConnection
from sketchzoo_ingest.collection import QdrantCollection
from sketchzoo_ingest.embedder import Vector
from sketchzoo_ingest.retry import RetryPolicy


class PlacedWriter(PhotoWriter):
    """Writes when the job's board has a place."""

    def __init__(
        self, connection: QdrantConnection, alias: str, options: CollectionOptions, board: Any
    ) -> None:
        super().__init__(connection, alias, options)
        self._board = board

    async def upsert(self, collection: str, photos: Any) -> None:
        """Write photos with their embeddings; returns when Qdrant has them on disk."""
        place = await self._board.take_place.remote()
        try:
            await super().upsert(collection, photos)
        finally:
            self._board.give_back.remote(place)

    async def set_payload(self, collection: str, photo: Photo) -> None:
        """Replace a photo's payload, its embedding stays."""
        place = await self._board.take_place.remote()
        try:
            await super().set_payload(collection, photo)
        finally:
            self._board.give_back.remote(place)


class PartitionCollection(QdrantCollection):
    """The collection as one partition writes it.

    Another partition may list the same content, or what was at a uri that this one has new
    content for: which of them stands is not known before all are done. So a photo that is there
    under another uri keeps it, and none is deleted; `held_back` and `replaced` say what was
    to be done. What looks alike is not asked for: bursts are found when all photos are there.
    """

    def __init__(self, writer: PhotoWriter, name: str, retry: RetryPolicy) -> None:
        super().__init__(writer, name, retry)
        self.written: dict[str, Photo] = {}
        self.held_back: dict[str, Photo] = {}
        self.replaced: dict[str, Photo] = {}
        self._uris: dict[str, str] = {}

    async def known(self, ids: Sequence[str]) -> Mapping[str, Photo]:
        """Return those of the photos that are there, by id."""
        return self._noted(await super().known(ids))

    async def by_uri(self, uris: Sequence[str]) -> Mapping[str, Photo]:
        """Return the photos whose files lie at these uris, by uri."""
        return self._noted(await super().by_uri(uris))

    async def alike(self, photos: Sequence[Photo], within: timedelta) -> Sequence[Photo]:  # noqa: ARG002 - see above
        """Return none."""
        return ()

    async def upsert(self, photos: Sequence[tuple[Photo, Vector]]) -> None:
        """Write photos with their embeddings."""
        await super().upsert(photos)
        self.written.update((photo.id, photo) for photo, _ in photos)

    async def set_payload(self, photo: Photo) -> None:
        """Replace what is kept of a photo, unless its uri is another's."""
        if self._uris.get(photo.id) != photo.uri:
            self.held_back[photo.id] = photo
            return
        await super().set_payload(photo)

    async def delete_at(self, photo: Photo) -> None:
        """Note what is to be deleted."""
        self.replaced[photo.id] = photo

    def _noted(self, found: Mapping[str, Photo]) -> Mapping[str, Photo]:
        self._uris.update((photo.id, photo.uri) for photo in found.values())
        return found
