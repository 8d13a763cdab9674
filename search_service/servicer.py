"""The servicer: gRPC's calls to searches and back.

Requests arrive as bytes and are decoded here: a call that is refused because too many
are under way costs no decoding.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import Message

from search_service.admissions import Admissions
from search_service.contents import Contents
from search_service.deadline import Deadline
from search_service.downloads import Downloads
from search_service.galleries import Galleries
from search_service.live import answer_drawings
from search_service.metrics import SearchMetrics
from search_service.outcomes import attempt, single, through
from search_service.query import parse_photo_id
from search_service.renditions import Renditions
from search_service.request import (
    MAX_BATCH,
    Search,
    parse_parent,
    parse_photo,
    parse_search,
)
from search_service.response import (
    classes_response,
    fill_hit,
    folders_response,
    gallery_response,
    search_response,
)
from search_service.searching import Found, Searcher
from sketchzoo.filter_message import parse_filter
from sketchzoo.qdrant import Photo, PhotoReader
from sketchzoo.rpc import CallError, invalid, not_found, parsed
from sketchzoo.search.v1 import search_pb2
from sketchzoo.telemetry import span

SERVICE = "sketchzoo.search.v1.SearchService"
# The kind of a query that was refused before it was read.
_UNREAD = "unread"
# That of the searches of a batch that failed as a whole.
_BATCH = "batch"
_READING = "reading the request"

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True, slots=True)
class DefaultDeadlines:
    """Seconds that what comes without a deadline may take: a call, a search of a stream.

    A download has its own at most, whatever its caller's.
    """

    call: float
    live: float
    download: float


class SearchServicer:
    """Answers `sketchzoo.search.v1.SearchService`; each method takes the request's bytes."""

    def __init__(
        self,
        *,
        searcher: Searcher,
        galleries: Galleries,
        contents: Contents,
        renditions: Renditions,
        downloads: Downloads,
        reader: PhotoReader,
        admissions: Admissions,
        metrics: SearchMetrics,
        default_deadlines: DefaultDeadlines,
    ) -> None:
        self._searcher = searcher
        self._galleries = galleries
        self._contents = contents
        self._renditions = renditions
        self._downloads = downloads
        self._reader = reader
        self._admissions = admissions
        self._metrics = metrics
        self._default_deadlines = default_deadlines

    async def search(self, content: bytes, context: Context) -> search_pb2.SearchResponse:
        """Answer Search."""
        deadline = self._deadline(context)
        return await self._search(
            lambda: parsed(content, search_pb2.SearchRequest.FromString), deadline
        )

    async def batch_search(
        self, content: bytes, context: Context
    ) -> search_pb2.BatchSearchResponse:
        """Answer BatchSearch."""
        deadline = self._deadline(context)
        with self._admissions.batches:
            request = parsed(content, search_pb2.BatchSearchRequest.FromString)
            if not 1 <= len(request.requests) <= MAX_BATCH:
                raise invalid("requests", f"must be 1 to {MAX_BATCH} searches")
            searches = [attempt(self._parsed, each) for each in request.requests]
            try:
                outcomes = await through(
                    searches, partial(self._searcher.search, deadline=deadline)
                )
            except CallError as error:
                for _ in searches:
                    self._metrics.searched(_BATCH, error.code.name)
                raise
        return search_pb2.BatchSearchResponse(
            results=[
                self._result(search, outcome)
                for search, outcome in zip(searches, outcomes, strict=True)
            ]
        )

    async def live_search(
        self, requests: AsyncIterator[bytes], context: Context
    ) -> AsyncGenerator[search_pb2.LiveSearchResponse, None]:
        """Answer LiveSearch."""

        async def answer(drawing: search_pb2.LiveSearchRequest) -> search_pb2.SearchResponse:
            deadline = self._deadline(context, self._default_deadlines.live)
            parent = drawing.traceparent or None
            name = f"{SERVICE}/LiveSearch drawing"
            # A stream holds a place while it works; one that waits holds up nobody.
            with span(name, "server", parent=parent), self._admissions.streams:
                return await self._search(lambda: drawing.request, deadline)

        async with aclosing(answer_drawings(requests, answer)) as answers:
            async for response in answers:
                yield response

    async def list_classes(
        self, content: bytes, context: Context
    ) -> search_pb2.ListClassesResponse:
        """Answer ListClasses."""
        deadline = self._deadline(context)
        with self._admissions.photos:
            request = parsed(content, search_pb2.ListClassesRequest.FromString)
            gallery = self._galleries.named(request.gallery)
            condition = parse_filter(request.filter, "filter")
            timeout = deadline.remaining(_READING)
            classes = await self._contents.classes(gallery, condition, timeout)
        return classes_response(classes)

    async def list_folders(
        self, content: bytes, context: Context
    ) -> search_pb2.ListFoldersResponse:
        """Answer ListFolders."""
        deadline = self._deadline(context)
        with self._admissions.photos:
            request = parsed(content, search_pb2.ListFoldersRequest.FromString)
            gallery = self._galleries.named(request.gallery)
            parent, condition = parse_parent(request), parse_filter(request.filter, "filter")
            timeout = deadline.remaining(_READING)
            folders = await self._contents.folders(gallery, parent, condition, timeout)
        return folders_response(folders)

    async def get_gallery(self, content: bytes, context: Context) -> search_pb2.GetGalleryResponse:
        """Answer GetGallery."""
        deadline = self._deadline(context)
        with self._admissions.photos:
            request = parsed(content, search_pb2.GetGalleryRequest.FromString)
            gallery = self._galleries.named(request.gallery)
            summary = await self._contents.summary(gallery, deadline.remaining(_READING))
            model = self._galleries.model_of(summary.gallery)
        return gallery_response(gallery, summary, model)

    async def list_galleries(self, content: bytes, _: Context) -> search_pb2.ListGalleriesResponse:
        """Answer ListGalleries."""
        with self._admissions.photos:
            parsed(content, search_pb2.ListGalleriesRequest.FromString)
            names = await self._galleries.names()
        return search_pb2.ListGalleriesResponse(galleries=names)

    async def get_photo(self, content: bytes, context: Context) -> search_pb2.GetPhotoResponse:
        """Answer GetPhoto."""
        deadline = self._deadline(context)
        with self._admissions.photos:
            request = parsed(content, search_pb2.GetPhotoRequest.FromString)
            gallery, wanted = self._galleries.named(request.gallery), parse_photo(request)
            photo = await self._photo(gallery, wanted.photo_id, deadline)
            made = await self._renditions.of(photo, wanted.max_side)
        response = search_pb2.GetPhotoResponse(content=made.content, content_type=made.content_type)
        fill_hit(response.photo, wanted.photo_id, photo, 0.0, with_payload=True)
        return response

    async def download_photo(
        self, content: bytes, context: Context
    ) -> AsyncGenerator[search_pb2.DownloadPhotoResponse, None]:
        """Answer DownloadPhoto."""
        deadline = self._deadline(context, self._default_deadlines.download)
        with self._admissions.downloads:
            request = parsed(content, search_pb2.DownloadPhotoRequest.FromString)
            gallery = self._galleries.named(request.gallery)
            photo_id = parse_photo_id("photo_id", request.photo_id)
            photo = await self._photo(gallery, photo_id, deadline)
            async with AsyncExitStack() as opened:
                async with deadline.bounding("opening the photo"):
                    found = await opened.enter_async_context(self._downloads.open(photo))
                part = search_pb2.DownloadPhotoResponse()
                part.file.content_type, part.file.size = found.content_type, found.size
                fill_hit(part.file.photo, photo_id, photo, 0.0, with_payload=True)
                yield part
                async for piece in found.pieces:
                    deadline.remaining("sending the photo")
                    yield search_pb2.DownloadPhotoResponse(piece=piece)

    async def _photo(self, gallery: str, photo_id: str, deadline: Deadline) -> Photo:
        """Return a photo of a gallery; it can be looked at while the encoder is away."""
        timeout = min(deadline.remaining(_READING), self._default_deadlines.call)
        found = await self._galleries.ask(
            gallery, lambda collection: self._reader.get(collection, [photo_id], timeout)
        )
        photo = found.get(photo_id)
        if photo is None:
            raise not_found(f"the gallery {gallery} has no photo {photo_id}")
        return photo

    async def _search(
        self, read: Callable[[], search_pb2.SearchRequest], deadline: Deadline
    ) -> search_pb2.SearchResponse:
        kind = _UNREAD
        try:
            with self._admissions.searches as beside:
                search = self._parsed(read())
                kind = search.query.kind
                found = single(await self._searcher.search([search], deadline))
                self._admissions.searches.answered(found.timings.total, beside)
        except CallError as error:
            self._metrics.searched(kind, error.code.name)
            raise
        except asyncio.CancelledError:
            # gRPC cancels what is past its caller's deadline as well.
            self._metrics.searched(
                kind, "DEADLINE_EXCEEDED" if deadline.has_passed() else "CANCELLED"
            )
            raise
        except Exception:
            self._metrics.searched(kind, "INTERNAL")
            raise
        return self._answered(search, found)

    def checks(self) -> dict[str, Callable[[], None]]:
        """Return what refuses a method's call before its message is read."""
        return self._admissions.checks(
            lambda error: self._metrics.searched(_UNREAD, error.code.name)
        )

    def _parsed(self, message: search_pb2.SearchRequest) -> Search:
        return parse_search(message, self._galleries.named(message.gallery))

    def _answered(self, search: Search, found: Found) -> search_pb2.SearchResponse:
        self._metrics.searched(search.query.kind, "OK")
        self._metrics.answered(found.photos, found.timings, first=not search.page_token)
        return search_response(found, with_payload=search.with_payload)

    def _result(
        self, search: Search | CallError, outcome: Found | CallError
    ) -> search_pb2.BatchSearchResult:
        if isinstance(search, CallError):
            self._metrics.searched(_UNREAD, search.code.name)
            return search_pb2.BatchSearchResult(status=search.status())
        if isinstance(outcome, CallError):
            self._metrics.searched(search.query.kind, outcome.code.name)
            return search_pb2.BatchSearchResult(status=outcome.status())
        return search_pb2.BatchSearchResult(response=self._answered(search, outcome))

    def _deadline(self, context: Context, otherwise: float | None = None) -> Deadline:
        """Return the call's own deadline; that of one of its searches where it is nearer."""
        remaining: float | None = context.time_remaining()
        limits = [limit for limit in (remaining, otherwise) if limit is not None]
        return Deadline.after(min(limits, default=self._default_deadlines.call))


def add_to_server(servicer: SearchServicer, server: grpc.aio.Server) -> None:
    """Register the servicer's methods, each for the request's bytes."""
    unary, stream = grpc.unary_unary_rpc_method_handler, grpc.stream_stream_rpc_method_handler
    download = grpc.unary_stream_rpc_method_handler
    methods: tuple[tuple[str, Any, Any, type[Message]], ...] = (
        ("Search", unary, servicer.search, search_pb2.SearchResponse),
        ("BatchSearch", unary, servicer.batch_search, search_pb2.BatchSearchResponse),
        ("LiveSearch", stream, servicer.live_search, search_pb2.LiveSearchResponse),
        ("ListClasses", unary, servicer.list_classes, search_pb2.ListClassesResponse),
        ("ListFolders", unary, servicer.list_folders, search_pb2.ListFoldersResponse),
        ("GetGallery", unary, servicer.get_gallery, search_pb2.GetGalleryResponse),
        ("ListGalleries", unary, servicer.list_galleries, search_pb2.ListGalleriesResponse),
        ("GetPhoto", unary, servicer.get_photo, search_pb2.GetPhotoResponse),
        ("DownloadPhoto", download, servicer.download_photo, search_pb2.DownloadPhotoResponse),
    )
    handlers = {
        name: kind(method, response_serializer=answer.SerializeToString)
        for name, kind, method, answer in methods
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
