"""Pictures to search with that a browser could not make smaller: HEIC, TIFF, a camera's RAW.

The page makes what it can decode small and sends it along. What it cannot is handed in by
itself, held here for a while within a number of bytes, and named by each search with it.
"""

import secrets

from cachetools import LRUCache
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from live_demo.metrics import LiveMetrics
from live_demo.middleware import address
from live_demo.origins import Origins
from sketchzoo.limits import NoneLeftError, Shares

_MOST_HELD = 4
# Arriving at once, and of one address.
_MOST_ARRIVING = 2
_NO_STORE = {"cache-control": "no-store"}


class Pictures:
    """Holds the four largest pictures' worth of those handed in last, of `most_bytes` each."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._held: LRUCache[str, bytes] = LRUCache(_MOST_HELD * most_bytes, len)

    def put(self, picture: bytes) -> str:
        """Hold a picture, in the place of others, and return what it is named by."""
        name = secrets.token_urlsafe(16)
        self._held[name] = picture
        return name

    def get(self, name: str) -> bytes | None:
        """Return a picture that is still held."""
        picture: bytes | None = self._held.get(name)
        return picture


class PictureEndpoint:
    """Takes pictures from pages of ours."""

    def __init__(self, pictures: Pictures, origins: Origins, metrics: LiveMetrics) -> None:
        self._pictures = pictures
        self._origins = origins
        self._metrics = metrics
        self._shares = Shares(_MOST_ARRIVING, 1)

    async def answer(self, request: Request) -> Response:
        """Answer `POST /pictures` with a picture's bytes."""
        if not self._origins.trusts(request.headers.get("origin"), request.headers.get("host")):
            self._metrics.refused.labels("origin").inc()
            return JSONResponse({"reason": "origin"}, 403, _NO_STORE)
        try:
            with self._shares.one(address(request)):
                picture = await self._read(request)
        except NoneLeftError:
            self._metrics.refused.labels("image").inc()
            return JSONResponse({"reason": "busy"}, 429, {**_NO_STORE, "retry-after": "1"})
        except ClientDisconnect:
            return Response(status_code=499)  # nobody reads it
        if not picture:
            self._metrics.refused.labels("image").inc()
            problem = {"reason": "large", "most_bytes": self._pictures.most_bytes}
            return JSONResponse(problem, 413, _NO_STORE)
        return JSONResponse({"picture": self._pictures.put(picture)}, headers=_NO_STORE)

    async def _read(self, request: Request) -> bytes:
        """Return the whole picture; nothing of one that is too large."""
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._pictures.most_bytes:
            return b""
        content = bytearray()
        async for piece in request.stream():
            content += piece
            if len(content) > self._pictures.most_bytes:
                return b""
        return bytes(content)
