"""Photos as the page shows them: thumbnails of the search service's, cached by content.

Originals are handed out as they come from the search service, piece by piece, as fast as they are
read, and not kept.
"""

import math
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from typing import Any
from urllib.parse import quote

import grpc
import structlog
from cachetools import LRUCache
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from live_demo.metrics import LiveMetrics
from live_demo.middleware import address
from live_demo.searcher import Searcher
from sketchzoo.limits import NoneLeftError, Shares
from sketchzoo.rpc import CallError

log = structlog.get_logger()

# Why the page cannot show a photo, by the search service's reason.
_LOST = {
    "NOT_FOUND": "gone",
    "OUTSIDE_GALLERY": "outside",
    "TOO_LARGE": "large",
    "MESSAGE_TOO_LARGE": "large",
    "NOT_AN_IMAGE": "unreadable",
}
# The same in words, where no page of ours reads the reason.
_WORDS = {
    "gone": "The photo's file has gone or changed since it was ingested.",
    "outside": "The search service may not read the folder or the store that the photo lies in.",
    "large": "The photo's file is larger than what is handed out here.",
    "unreadable": "The photo's file cannot be had now; try again later.",
}
# A tile and a dialog's picture, in pixels a side; other sizes would fill the cache.
SIZES = (320, 960)
_ID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
_MEDIA_TYPES = ("image/jpeg", "image/png", "image/webp", "image/gif")
# What may be shown rather than saved: pictures that run nothing.
_SHOWN = (*_MEDIA_TYPES, "image/avif", "image/bmp", "image/heic", "image/heif", "image/tiff")
# On their way at once, and to one address: a browser has as many connections.
_MOST_ORIGINALS = 16
_MOST_ORIGINALS_EACH = 6
_STATUS = {
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.FAILED_PRECONDITION: 404,
    grpc.StatusCode.INVALID_ARGUMENT: 404,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}


class PhotoEndpoint:
    """Answers requests for photos; those asked for last are kept, up to a number of bytes."""

    def __init__(
        self, searcher: Searcher, metrics: LiveMetrics, cache_bytes: int, *, private: bool
    ) -> None:
        self._searcher = searcher
        self._metrics = metrics
        # A cache that others share keeps nothing of a page that asks who is there.
        self._kept = f"{'private' if private else 'public'}, max-age=31536000, immutable"
        self._originals = Shares(_MOST_ORIGINALS, _MOST_ORIGINALS_EACH)
        self._cache: LRUCache[str, tuple[bytes, str]] = LRUCache(cache_bytes, lambda p: len(p[0]))

    async def answer(self, request: Request) -> Response:
        """Answer `/photos/{photo_id}/{side}`."""
        photo_id, side = request.path_params["photo_id"], request.path_params["side"]
        if side not in SIZES or not _ID.match(photo_id):
            return _failed(404, "gone")
        # An id is made from the photo's content: what it names never changes.
        tag = f'"{photo_id}-{side}"'
        headers = {"etag": tag, "cache-control": self._kept}
        if tag in request.headers.get("if-none-match", ""):
            self._count("unchanged")
            return Response(status_code=304, headers=headers)
        photo = self._cache.get(tag)
        self._count("cached" if photo else "fetched")
        if photo is None:
            try:
                gallery = request.query_params.get("gallery", "")
                photo = await self._searcher.photo(gallery, photo_id, side)
            except CallError as error:
                self._count("failed")
                return _refused(error)
            if photo[1] not in _MEDIA_TYPES:
                self._count("failed")
                return _failed(404, "unreadable")
            with suppress(ValueError):  # it is larger than the cache
                self._cache[tag] = photo
        return Response(photo[0], media_type=photo[1], headers=headers)

    async def original(self, request: Request) -> Response:
        """Answer `/photos/{photo_id}/original`, to look at or, with `save`, to keep."""
        photo_id = request.path_params["photo_id"]
        if not _ID.match(photo_id):
            return _failed(404, "gone")
        gallery = request.query_params.get("gallery", "")
        async with AsyncExitStack() as held:
            try:
                held.enter_context(self._originals.one(address(request)))
                found = await held.enter_async_context(self._searcher.original(gallery, photo_id))
            except NoneLeftError:
                self._count("failed")
                busy = _failed(429, "unreadable")
                busy.headers["retry-after"] = "1"
                return _worded(busy, "unreadable")
            except CallError as error:
                self._count("failed")
                return _worded(_refused(error), _LOST.get(error.reason, "unreadable"))
            self._count("original")
            shown = found.media_type in _SHOWN and "save" not in request.query_params
            headers = {
                "content-length": str(found.size),
                "content-disposition": _disposition(found.name or photo_id, shown=shown),
                "cache-control": self._kept,
                # It is compressed already.
                "content-encoding": "identity",
            }
            kind = found.media_type if found.media_type in _SHOWN else "application/octet-stream"
            return _Original(held.pop_all(), found.pieces, headers=headers, media_type=kind)

    def _count(self, outcome: str) -> None:
        self._metrics.photos.labels(outcome).inc()


class _Original(StreamingResponse):
    """An original on its way; what `held` holds for it is given back, however it ends."""

    def __init__(self, held: AsyncExitStack, content: AsyncIterator[bytes], **options: Any) -> None:
        super().__init__(content, **options)
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; one that ends early is cut off, which its length tells the reader."""
        async with self._held:
            try:
                await super().__call__(scope, receive, send)
            except CallError as error:
                log.warning("an original ended early", code=error.code.name, reason=error.message)


def _refused(error: CallError) -> Response:
    """Answer why a photo does not come, and when to ask again; never where it lies."""
    response = _failed(_STATUS.get(error.code, 503), _LOST.get(error.reason, "unreadable"))
    if error.retry_after:
        response.headers["retry-after"] = str(math.ceil(error.retry_after))
    return response


def _failed(status: int, reason: str) -> Response:
    return JSONResponse({"reason": reason}, status, {"cache-control": "no-store"})


def _worded(refused: Response, reason: str) -> Response:
    headers = {name: refused.headers[name] for name in ("retry-after",) if name in refused.headers}
    headers["cache-control"] = "no-store"
    return PlainTextResponse(f"{_WORDS[reason]}\n", refused.status_code, headers)


def _disposition(name: str, *, shown: bool) -> str:
    plain = re.sub(r"[^A-Za-z0-9 ._()-]", "_", name)
    kind = "inline" if shown else "attachment"
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
