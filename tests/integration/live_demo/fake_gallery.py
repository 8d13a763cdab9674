"""A gallery service over a real socket, that keeps in memory what it is sent."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from prometheus_client import CollectorRegistry

from sketchzoo.gallery.v1 import gallery_pb2, gallery_pb2_grpc
from sketchzoo.rpc import CallError, RpcServer, Service
from sketchzoo.settings import ServerSettings


class FakeGallery(gallery_pb2_grpc.GalleryServiceServicer):
    """Answers as the contract says; `refused` fails photos by their file's name.

    While `may_answer` is not set, photos are taken and not answered.
    """

    def __init__(self) -> None:
        self.added: list[tuple[str, gallery_pb2.PhotoHeader, bytes]] = []
        self.refused: dict[str, CallError] = {}
        self.takes_bytes = True
        self.largest_piece = 0
        self.under_way = 0
        self.most_under_way = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def AddPhotos(  # noqa: N802 - the contract's name
        self, request_iterator: Any, context: Any
    ) -> AsyncIterator[gallery_pb2.AddPhotosResponse]:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            gallery, header, content = "", None, bytearray()
            async for request in request_iterator:
                if request.WhichOneof("part") == "photo":
                    gallery, header = request.gallery, request.photo
                else:
                    content += request.piece
                    self.largest_piece = max(self.largest_piece, len(request.piece))
                if header is not None and len(content) == header.size_bytes:
                    await self.may_answer.wait()
                    yield self._answer(gallery, header, bytes(content))
                    header, content = None, bytearray()
        finally:
            self.under_way -= 1

    def _answer(
        self, gallery: str, header: gallery_pb2.PhotoHeader, content: bytes
    ) -> gallery_pb2.AddPhotosResponse:
        response = gallery_pb2.AddPhotosResponse(sequence=header.sequence)
        if header.file_name in self.refused:
            response.status.CopyFrom(self.refused[header.file_name].status())
            return response
        known = [kept for _, _, kept in self.added]
        response.photo.photo_id = "00000000-0000-5000-8000-000000000000"
        response.photo.outcome = (
            gallery_pb2.ADD_OUTCOME_UNCHANGED
            if content in known
            else gallery_pb2.ADD_OUTCOME_WRITTEN
        )
        self.added.append((gallery, header, content))
        return response

    async def GetStatus(self, request: Any, context: Any) -> gallery_pb2.GetStatusResponse:  # noqa: N802 - as above
        return gallery_pb2.GetStatusResponse(gallery="photos", takes_bytes=self.takes_bytes)


def gallery_server(fake: FakeGallery) -> RpcServer:
    """Return a server of the fake; it serves while its context is open."""
    return RpcServer(
        ServerSettings(port=0, drain_seconds=0.1),
        [
            Service(
                "sketchzoo.gallery.v1.GalleryService",
                fake,
                gallery_pb2_grpc.add_GalleryServiceServicer_to_server,
            )
        ],
        CollectorRegistry(),
    )
