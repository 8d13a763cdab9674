"""The servicer: gRPC's calls to photos added, deleted and changed, and back."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc.aio

from sketchzoo.gallery.v1 import gallery_pb2
from sketchzoo.limits import Peers, caller
from sketchzoo.qdrant import PhotoReader, QdrantConnection
from sketchzoo.rpc.admission import host_of
from sketchzoo_ingest.gallery_service.adding import Adding
from sketchzoo_ingest.gallery_service.changes import Changes
from sketchzoo_ingest.gallery_service.metrics import GalleryMetrics
from sketchzoo_ingest.gallery_service.pending import Pending
from sketchzoo_ingest.gallery_service.readiness import Readiness
from sketchzoo_ingest.gallery_service.receiving import Receiving
from sketchzoo_ingest.gallery_service.request import (
    parse_change,
    parse_gallery,
    parse_selection,
)

SERVICE = "sketchzoo.gallery.v1.GalleryService"

Context = grpc.aio.ServicerContext[Any, Any]


class GalleryServicer:
    """Answers `sketchzoo.gallery.v1.GalleryService`; `gallery` is meant where none is named."""

    def __init__(
        self,
        *,
        gallery: str,
        adding: Adding,
        changes: Changes,
        pending: Pending,
        readiness: Readiness,
        connection: QdrantConnection,
        metrics: GalleryMetrics,
        exempt: Peers,
        stream_photos: int,
    ) -> None:
        self._gallery = gallery
        self._adding = adding
        self._changes = changes
        self._pending = pending
        self._readiness = readiness
        self._connection = connection
        self._metrics = metrics
        self._exempt = exempt
        self._stream_photos = stream_photos

    async def AddPhotos(  # noqa: N802 - the contract's name
        self, requests: AsyncIterator[gallery_pb2.AddPhotosRequest], context: Context
    ) -> AsyncGenerator[gallery_pb2.AddPhotosResponse, None]:
        """Answer AddPhotos."""
        receiving = Receiving(
            self._adding, self._gallery, self._who(context.peer()), self._stream_photos
        )
        async with aclosing(receiving.answers(requests)) as answers:
            async for response in answers:
                yield response

    async def DeletePhotos(  # noqa: N802 - the contract's name
        self,
        request: gallery_pb2.DeletePhotosRequest,
        context: Context,  # noqa: ARG002 - gRPC's form
    ) -> gallery_pb2.DeletePhotosResponse:
        """Answer DeletePhotos."""
        gallery = parse_gallery(request.gallery, self._gallery)
        deleted = await self._changes.delete(gallery, parse_selection(request))
        self._metrics.deleted.inc(deleted)
        return gallery_pb2.DeletePhotosResponse(deleted=deleted)

    async def SetPayload(  # noqa: N802 - the contract's name
        self,
        request: gallery_pb2.SetPayloadRequest,
        context: Context,  # noqa: ARG002 - gRPC's form
    ) -> gallery_pb2.SetPayloadResponse:
        """Answer SetPayload."""
        gallery = parse_gallery(request.gallery, self._gallery)
        changed = await self._changes.set_payload(gallery, parse_change(request))
        return gallery_pb2.SetPayloadResponse(changed=changed)

    async def GetStatus(  # noqa: N802 - the contract's name
        self,
        request: gallery_pb2.GetStatusRequest,
        context: Context,  # noqa: ARG002 - gRPC's form
    ) -> gallery_pb2.GetStatusResponse:
        """Answer GetStatus."""
        gallery = parse_gallery(request.gallery, self._gallery)
        model = await self._readiness.model()
        reader = PhotoReader(self._connection, gallery)
        collection = await reader.published()
        return gallery_pb2.GetStatusResponse(
            gallery=gallery,
            collection=collection or "",
            model_name=model.name,
            model_fingerprint=model.fingerprint,
            photos=await reader.count(collection) if collection else 0,
            pending=self._pending.of(gallery),
            takes_bytes=self._adding.takes_bytes,
        )

    def _who(self, peer: str) -> str | None:
        """Return whom a peer's photos are counted as; None for one who has no share."""
        host = host_of(peer)
        return None if host is None or host in self._exempt else caller(host)
