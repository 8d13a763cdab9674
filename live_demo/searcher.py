"""The search service as the gateway calls it: one channel, the token, deadlines."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from live_demo.settings import LiveSettings
from sketchzoo.parts import Focus
from sketchzoo.rpc import (
    BETWEEN_PARTS,
    CallError,
    ChannelSettings,
    from_rpc_error,
    not_found,
    open_channel,
)
from sketchzoo.rpc.channel import outgoing_metadata
from sketchzoo.rpc.tls import ClientTls
from sketchzoo.search.v1 import search_pb2, search_pb2_grpc
from sketchzoo.telemetry import span

PART = "search"
_SERVICE = "sketchzoo.search.v1.SearchService"


# What a message holds beside a picture.
_ROOM_BYTES = 1024 * 1024
# Reasons of a gallery into which nothing was ingested.
_NOTHING_YET = ("NO_GALLERY", "NOT_FOUND")


@dataclass(frozen=True, slots=True)
class About:
    """A gallery: its name and the others', its photos, and what they are chosen by.

    `classes` are those that people named, `seen_classes` those that the model is sure to see,
    with their numbers of photos; `taken` the earliest and the latest time that a photo tells.
    `words` are the payload fields that hold words, `focuses` what a search may be after, first
    what it is by itself, and `takes_text` says whether the model knows words.
    """

    gallery: str
    galleries: tuple[str, ...]
    total: int
    classes: Mapping[str, int]
    seen_classes: Mapping[str, int]
    taken: tuple[datetime, ...]
    words: tuple[str, ...] = ()
    focuses: tuple[Focus, ...] = ()
    takes_text: bool = False


@dataclass(frozen=True, slots=True)
class Original:
    """A photo's file on its way; `name` is "" where none is known, `size` in bytes.

    Taking its pieces raises `CallError` where it does not come whole.
    """

    name: str
    media_type: str
    size: int
    pieces: AsyncIterator[bytes]


class Searcher:
    """Calls the search service; failures raise `CallError`."""

    def __init__(self, settings: LiveSettings) -> None:
        self._token = settings.search_token
        self._seconds = settings.search_seconds
        self._original_seconds = settings.original_seconds
        self._channel = open_channel(
            ChannelSettings(
                settings.search_target,
                tls=ClientTls.of(settings),
                token=self._token,
                max_message_bytes=settings.max_picture_bytes + _ROOM_BYTES,
                keepalive=BETWEEN_PARTS,
            )
        )
        self._stub = search_pb2_grpc.SearchServiceStub(self._channel)
        # The stubs of health know nothing of asyncio.
        self._health: Any = health_pb2_grpc.HealthStub(self._channel)

    def live(self) -> Any:
        """Open a LiveSearch; it lasts until it is cancelled or breaks."""
        # Without an iterator of requests they are written one by one; the stubs ask for one.
        call: Any = self._stub.LiveSearch
        return call(metadata=outgoing_metadata(self._token))

    async def about(self, gallery: str) -> About:
        """Return what there is to choose from in a gallery, "" for the service's own."""
        async with self._call("ListGalleries"):
            named = await self._stub.ListGalleries(
                search_pb2.ListGalleriesRequest(), **self._options()
            )
        galleries = tuple(named.galleries)
        try:
            async with self._call("GetGallery"):
                classes, found = await asyncio.gather(
                    self._stub.ListClasses(
                        search_pb2.ListClassesRequest(gallery=gallery), **self._options()
                    ),
                    self._stub.GetGallery(
                        search_pb2.GetGalleryRequest(gallery=gallery), **self._options()
                    ),
                )
        except CallError as error:
            if gallery or error.reason not in _NOTHING_YET:
                raise
            return About("", galleries, 0, {}, {}, ())
        taken = [found.earliest, found.latest] if found.HasField("earliest") else []
        return About(
            gallery=found.gallery,
            galleries=galleries,
            total=classes.total,
            classes={each.class_name: each.count for each in classes.classes},
            seen_classes={each.class_name: each.count for each in classes.seen_classes},
            taken=tuple(each.ToDatetime(UTC) for each in taken),
            words=tuple(each.name for each in found.fields if each.type == "keyword"),
            focuses=_focuses(found.focuses),
            takes_text=found.takes_text,
        )

    async def folders(
        self, gallery: str, parent: str, condition: search_pb2.Filter
    ) -> dict[str, int]:
        """Return the folders right below one with their number of photos, by name."""
        async with self._call("ListFolders"):
            found = await self._stub.ListFolders(
                search_pb2.ListFoldersRequest(gallery=gallery, parent=parent, filter=condition),
                **self._options(),
            )
        return {each.folder: each.count for each in found.folders}

    async def count(self, gallery: str, condition: search_pb2.Filter) -> int:
        """Return how many photos of a gallery meet a condition."""
        async with self._call("ListClasses"):
            found = await self._stub.ListClasses(
                search_pb2.ListClassesRequest(gallery=gallery, filter=condition), **self._options()
            )
        return found.total

    async def photo(self, gallery: str, photo_id: str, max_side: int) -> tuple[bytes, str]:
        """Return a photo's thumbnail and its media type."""
        photo = await self._photo(
            search_pb2.GetPhotoRequest(
                gallery=gallery,
                photo_id=photo_id,
                size=search_pb2.PHOTO_SIZE_THUMBNAIL,
                max_side=max_side,
            )
        )
        return photo.content, photo.content_type

    @asynccontextmanager
    async def original(self, gallery: str, photo_id: str) -> AsyncIterator[Original]:
        """Give a photo's file, on its way, while the context is open."""
        request = search_pb2.DownloadPhotoRequest(gallery=gallery, photo_id=photo_id)
        call = self._stub.DownloadPhoto(
            request, timeout=self._original_seconds, metadata=outgoing_metadata(self._token)
        )
        parts = aiter(call)
        try:
            async with self._call("DownloadPhoto"):
                file = (await anext(parts)).file
            yield Original(file.photo.file_name, file.content_type, file.size, _pieces(parts))
        finally:
            call.cancel()

    async def _photo(self, request: search_pb2.GetPhotoRequest) -> search_pb2.GetPhotoResponse:
        async with self._call("GetPhoto"):
            return await self._stub.GetPhoto(request, **self._options())

    async def is_serving(self) -> bool:
        """Ask whether searches can be answered now."""
        try:
            answer = await self._health.Check(
                health_pb2.HealthCheckRequest(service=_SERVICE), timeout=1.0
            )
        except grpc.aio.AioRpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    async def close(self) -> None:
        """Close the channel; what is under way ends."""
        await self._channel.close(None)

    def _options(self) -> dict[str, Any]:
        return {"timeout": self._seconds, "metadata": outgoing_metadata(self._token)}

    @asynccontextmanager
    async def _call(self, method: str) -> AsyncIterator[None]:
        try:
            with span(f"live/{method}", "server"), span(f"SearchService/{method}", "client"):
                yield
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                raise not_found(error.details() or "no such photo") from error
            raise from_rpc_error(error, PART) from error


def _focuses(given: Iterable["search_pb2.Focus.ValueType"]) -> tuple[Focus, ...]:
    # One that a newer service has is not offered.
    known = {search_pb2.Focus.Value(f"FOCUS_{each.name}"): each for each in Focus}
    return tuple(known[each] for each in given if each in known)


async def _pieces(parts: AsyncIterator[Any]) -> AsyncIterator[bytes]:
    try:
        async for part in parts:
            yield part.piece
    except grpc.aio.AioRpcError as error:
        raise from_rpc_error(error, PART) from error
