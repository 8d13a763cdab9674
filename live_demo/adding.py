"""Adding: a visitor's photos on their way into the gallery, one a request.

A request holds one photo's bytes, which go through as they come: whatever its size, some
hundred kilobytes of it are here at a time. Its answer says what became of the photo.
"""

import asyncio
import math
from collections.abc import AsyncIterator
from pathlib import PurePosixPath

import grpc
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from live_demo.adder import Adder
from live_demo.metrics import LiveMetrics
from live_demo.middleware import address
from live_demo.origins import Origins
from live_demo.settings import LiveSettings
from sketchzoo.gallery.v1 import gallery_pb2
from sketchzoo.limits import NoneLeftError, Shares
from sketchzoo.rpc import CallError, exhausted, invalid

OUTCOMES = {
    gallery_pb2.ADD_OUTCOME_WRITTEN: "written",
    gallery_pb2.ADD_OUTCOME_UPDATED: "updated",
    gallery_pb2.ADD_OUTCOME_UNCHANGED: "unchanged",
}
_LONGEST_NAME = 255
_LONGEST_FOLDER = 2000
_STATUS = {
    grpc.StatusCode.INVALID_ARGUMENT: 422,
    grpc.StatusCode.FAILED_PRECONDITION: 409,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}
# The gateway's answer, before its connection's time is over.
_PATIENCE = 0.9


class AddingEndpoint:
    """Takes photos from pages of ours, up to a number at once and of one address."""

    def __init__(
        self, adder: Adder, origins: Origins, settings: LiveSettings, metrics: LiveMetrics
    ) -> None:
        self._adder = adder
        self._origins = origins
        self._most_bytes = settings.max_photo_bytes
        self._seconds = _PATIENCE * settings.answer_seconds
        self._shares = Shares(settings.max_adding, settings.max_client_adding)
        self._metrics = metrics

    async def answer(self, request: Request) -> Response:
        """Answer `POST /photos?name=&folder=&gallery=` with the photo's bytes."""
        if not self._origins.trusts(request.headers.get("origin"), request.headers.get("host")):
            self._metrics.refused.labels("origin").inc()
            return JSONResponse({"code": "PERMISSION_DENIED", "message": "unknown origin"}, 403)
        try:
            header = self._header(request)
            with self._shares.one(address(request)):
                added = await self._add(request, header)
        except NoneLeftError:
            self._metrics.refused.labels("adding").inc()
            return _refused(exhausted("too many photos are on their way", 1.0))
        except CallError as error:
            self._metrics.added.labels("failed").inc()
            return _refused(error)
        except ClientDisconnect:
            return Response(status_code=499)  # nobody reads it
        outcome = OUTCOMES.get(added.outcome, "unchanged")
        self._metrics.added.labels(outcome).inc()
        return JSONResponse({"id": added.photo_id, "outcome": outcome})

    async def _add(
        self, request: Request, header: gallery_pb2.PhotoHeader
    ) -> gallery_pb2.AddedPhoto:
        gallery = request.query_params.get("gallery", "")
        try:
            # The service has as long for each piece, and then for its answer.
            async with asyncio.timeout(self._seconds) as deadline:
                pieces = _pieces(request, deadline, self._seconds)
                return await self._adder.add(header, gallery, pieces)
        except TimeoutError as error:
            raise CallError(
                grpc.StatusCode.DEADLINE_EXCEEDED, "the gallery did not answer in time"
            ) from error

    def _header(self, request: Request) -> gallery_pb2.PhotoHeader:
        """Return what the request says of its photo; raises `CallError`."""
        length = request.headers.get("content-length", "")
        if not length.isdecimal() or int(length) == 0:
            raise invalid("photo", "is empty, or does not say how large it is")
        if int(length) > self._most_bytes:
            raise invalid(
                "photo",
                f"has {int(length)} bytes; at most {self._most_bytes} are taken "
                "(SKETCHZOO_LIVE_MAX_PHOTO_BYTES)",
                reason="TOO_LARGE",
            )
        name = request.query_params.get("name", "")
        if not name or len(name) > _LONGEST_NAME or "/" in name:
            raise invalid("name", "must be a file's, without its folder")
        folder = request.query_params.get("folder", "").strip("/")
        if len(folder) > _LONGEST_FOLDER or ".." in PurePosixPath(folder).parts:
            raise invalid("folder", "must be a folder's way down from the gallery's own")
        return gallery_pb2.PhotoHeader(
            sequence=1, size_bytes=int(length), file_name=name, folder=folder
        )


async def _pieces(
    request: Request, deadline: asyncio.Timeout, seconds: float
) -> AsyncIterator[bytes]:
    """Yield a request's bytes as they come; each piece begins the time anew."""
    async for piece in request.stream():
        deadline.reschedule(asyncio.get_running_loop().time() + seconds)
        if piece:
            yield piece


def _refused(error: CallError) -> Response:
    """Answer why a photo was not added, and when to try again."""
    problem = {"code": error.code.name, "message": error.problem or error.message}
    answer = JSONResponse(problem, _STATUS.get(error.code, 503), {"cache-control": "no-store"})
    if error.retry_after:
        answer.headers["retry-after"] = str(math.ceil(error.retry_after))
    return answer
