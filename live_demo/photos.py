"""Photos as the page shows them: thumbnails of the search service's, cached by content.

Originals are handed out as they are, in pieces, and not kept: of those being read two are held
at once, whatever their readers' lines.
"""

import asyncio
import math
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from typing import Any
from urllib.parse import quote

import grpc
from cachetools import LRUCache
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from live_demo.metrics import LiveMetrics
from live_demo.searcher import Searcher
from sketchzoo.rpc import CallError

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
_MOST_ORIGINALS = 2
_PIECE_BYTES = 256 * 1024
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
        self._originals = asyncio.Semaphore(_MOST_ORIGINALS)
        self._fetching = asyncio.Lock()
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
        place = AsyncExitStack()
        await place.enter_async_context(self._originals)
        try:
            # On its way it takes three times its size: one after the other.
            async with self._fetching:
                found = await self._searcher.original(gallery, photo_id)
        except CallError as error:
            await place.aclose()
            self._count("failed")
            return _worded(_refused(error), _LOST.get(error.reason, "unreadable"))
        except BaseException:
            await place.aclose()
            raise
        content, media_type, name = found
        self._count("original")
        shown = media_type in _SHOWN and "save" not in request.query_params
        headers = {
            "content-length": str(len(content)),
            "content-disposition": _disposition(name or photo_id, shown=shown),
            "cache-control": self._kept,
            # It is compressed already.
            "content-encoding": "identity",
        }
        kind = media_type if media_type in _SHOWN else "application/octet-stream"
        return _Original(place, _pieces(content), headers=headers, media_type=kind)

    def _count(self, outcome: str) -> None:
        self._metrics.photos.labels(outcome).inc()


class _Original(StreamingResponse):
    """An original being read; its place is given back at the end, however that comes."""

    def __init__(
        self, place: AsyncExitStack, content: AsyncIterator[bytes], **options: Any
    ) -> None:
        super().__init__(content, **options)
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        async with self._place:
            await super().__call__(scope, receive, send)


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(content), _PIECE_BYTES):
        yield content[at : at + _PIECE_BYTES]


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
