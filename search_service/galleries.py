"""Galleries: which collection, and with it which model, a gallery's name stands for.

The service's own is watched (`search_service/readiness.py`). Others are looked up when a request
names them, by one listing of all that is remembered for a moment: however many names of no gallery
are asked for, Qdrant is asked no more often than that.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from cachetools import LRUCache

from search_service.encoders import Encoders, Serving
from search_service.flights import SingleFlight
from search_service.readiness import CheckTimes, Readiness
from sketchzoo.encoder_client import EncoderModel
from sketchzoo.gallery_names import RIGHT, is_gallery_name
from sketchzoo.qdrant import CollectionNotFoundError, Gallery, PhotoReader
from sketchzoo.rpc import invalid, not_found
from sketchzoo.rpc.access import check_gallery, may_use

# What is known of so many collections is kept; it never changes.
_MOST_KNOWN = 256

Listing = Callable[[], Awaitable[Mapping[str, str]]]
"""Returns each gallery's collection by its name, as Qdrant has them now."""
V = TypeVar("V")


class Galleries:
    """Finds galleries by the names that requests give; failures raise `CallError`."""

    def __init__(
        self,
        own: str,
        readiness: Readiness,
        encoders: Encoders,
        *,
        listing: Listing,
        reader_of: Callable[[str], PhotoReader],
        times: CheckTimes,
    ) -> None:
        self._own = own
        self._readiness = readiness
        self._encoders = encoders
        self._listing = listing
        self._reader_of = reader_of
        self._times = times
        self._listed: Mapping[str, str] = {}
        self._stale_at = self._retry_at = 0.0
        self._known: LRUCache[str, Gallery] = LRUCache(_MOST_KNOWN)
        self._listings: SingleFlight[None, None] = SingleFlight()
        self._looks: SingleFlight[str, Gallery] = SingleFlight()

    def named(self, name: str) -> str:
        """Return the gallery that a request's field names: the service's own where it is empty.

        Raises:
            CallError: INVALID_ARGUMENT, it is no gallery's name; PERMISSION_DENIED, the running
                call's token is not good for it.

        """
        if name and not is_gallery_name(name):
            raise invalid("gallery", f"must be {RIGHT}; or empty for the service's own")
        gallery = name or self._own
        check_gallery(gallery)
        return gallery

    async def serving(self, gallery: str) -> Serving:
        """Return what answers searches of a gallery.

        Raises:
            CallError: NOT_FOUND, there is no such gallery; else as `Readiness.require`.

        """
        if gallery == self._own:
            return self._readiness.require()
        return self._encoders.serving(await self.find(gallery))

    async def find(self, gallery: str) -> Gallery:
        """Return a gallery, even if no model that fits is served; raises as `serving`."""
        if gallery == self._own:
            return self._readiness.gallery()
        now = time.monotonic()
        if now >= (self._stale_at if gallery in self._listed else self._retry_at):
            await self._listings.run(None, self._list)
        collection = self._listed.get(gallery)
        if collection is None:
            raise not_found(f"there is no gallery {gallery}")
        known = self._known.get(collection)
        return known or await self._looks.run(gallery, lambda: self._look(gallery))

    async def look_again(self, gallery: str) -> None:
        """Look again now, since what was seen last does not hold."""
        if gallery == self._own:
            await self._readiness.look_again()
        else:
            self._stale_at = 0.0

    async def ask(self, gallery: str, question: Callable[[str], Awaitable[V]]) -> V:
        """Ask a gallery's collection; look again, once, where it has gone meanwhile."""
        try:
            return await question((await self.find(gallery)).collection)
        except CollectionNotFoundError:
            await self.look_again(gallery)
        return await question((await self.find(gallery)).collection)

    async def describe(self, gallery: str, timeout_seconds: float) -> Gallery:
        """Return a gallery as it is at this moment, its payload's indexes among it."""
        await self.find(gallery)
        return await self._reader_of(gallery).current(timeout_seconds)

    def model_of(self, gallery: Gallery) -> EncoderModel | None:
        """Return the model that made a gallery, if an encoder has served it of late."""
        return self._encoders.model_of(gallery)

    async def names(self) -> list[str]:
        """Return the galleries that the running call may use, by name."""
        if time.monotonic() >= self._retry_at:
            await self._listings.run(None, self._list)
        return sorted(filter(may_use, self._listed))

    async def _list(self) -> None:
        self._listed = await self._listing()
        now = time.monotonic()
        self._stale_at, self._retry_at = now + self._times.check, now + self._times.recheck

    async def _look(self, gallery: str) -> Gallery:
        found = await self._reader_of(gallery).current(self._times.timeout)
        self._known[found.collection] = found
        return found
