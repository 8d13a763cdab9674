"""Photos as the page shows them: thumbnails of the search service's, cached by content."""

import math
import re
from contextlib import suppress

import grpc
from cachetools import LRUCache
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from live_demo.metrics import LiveMetrics
from live_demo.searcher import Searcher
from sketchzoo.rpc import CallError

# Why the page cannot show a photo, by the search service's reason.
_LOST = {
    "NOT_FOUND": "gone",
    "OUTSIDE_GALLERY": "outside",
    "TOO_LARGE": "large",
    "NOT_AN_IMAGE": "unreadable",
}
# A tile and a dialog's picture, in pixels a side; other sizes would fill the cache.
SIZES = (320, 960)
_ID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
_MEDIA_TYPES = ("image/jpeg", "image/png", "image/webp", "image/gif")
_STATUS = {
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.FAILED_PRECONDITION: 404,
    grpc.StatusCode.INVALID_ARGUMENT: 404,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}


class Photos:
    """Answers requests for photos."""

    def __init__(self, searcher: Searcher, metrics: LiveMetrics, cache_bytes: int) -> None:
        self._searcher = searcher
        self._metrics = metrics
        self._cache: LRUCache[str, tuple[bytes, str]] = LRUCache(
            cache_bytes, getsizeof=lambda photo: len(photo[0])
        )

    async def answer(self, request: Request) -> Response:
        """Answer `/photos/{photo_id}/{side}`."""
        photo_id, side = request.path_params["photo_id"], request.path_params["side"]
        if side not in SIZES or not _ID.match(photo_id):
            return _failed(404, "gone")
        # An id is made from the photo's content: what it names never changes.
        tag = f'"{photo_id}-{side}"'
        headers = {"etag": tag, "cache-control": "public, max-age=31536000, immutable"}
        if tag in request.headers.get("if-none-match", ""):
            self._count("unchanged")
            return Response(status_code=304, headers=headers)
        photo = self._cache.get(tag)
        self._count("cached" if photo else "fetched")
        if photo is None:
            try:
                photo = await self._searcher.photo(photo_id, side)
            except CallError as error:
                self._count("failed")
                return _refused(error)
            if photo[1] not in _MEDIA_TYPES:
                self._count("failed")
                return _failed(404, "unreadable")
            with suppress(ValueError):  # larger than the whole cache
                self._cache[tag] = photo
        return Response(photo[0], media_type=photo[1], headers=headers)

    def _count(self, outcome: str) -> None:
        self._metrics.photos.labels(outcome).inc()


def _refused(error: CallError) -> Response:
    """Answer why a photo does not come, and when to ask again; never where it lies."""
    response = _failed(_STATUS.get(error.code, 503), _LOST.get(error.reason, "unreadable"))
    if error.retry_after:
        response.headers["retry-after"] = str(math.ceil(error.retry_after))
    return response


def _failed(status: int, reason: str) -> Response:
    return JSONResponse({"reason": reason}, status, {"cache-control": "no-store"})
