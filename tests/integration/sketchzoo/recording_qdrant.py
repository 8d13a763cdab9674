"""A Qdrant that does nothing but tell what it was asked: for what only a cluster can do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import Message
from qdrant_client import grpc as api

FINGERPRINT = "0123456789abcdef"
COLLECTION = f"photos-{FINGERPRINT}"


def described() -> api.CollectionInfo:
    """Return what it tells of its one collection: three shards, two replicas, an index."""
    info = api.CollectionInfo(status=api.CollectionStatus.Green, segments_count=6)
    info.indexed_vectors_count = 1000
    params = info.config.params
    params.shard_number, params.replication_factor, params.write_consistency_factor = 3, 2, 1
    params.on_disk_payload = True
    params.vectors_config.params.size = 4
    info.config.hnsw_config.m, info.config.hnsw_config.ef_construct = 32, 200
    info.payload_schema["class"].data_type = api.PayloadSchemaType.Keyword
    info.payload_schema["rating"].data_type = api.PayloadSchemaType.Integer
    return info


@dataclass
class RecordingQdrant(api.CollectionsServicer, api.PointsServicer):
    """Records requests; tells of one published collection, or of none where `is_new`."""

    is_new: bool = False
    info: api.CollectionInfo = field(default_factory=described)
    requests: list[Message] = field(default_factory=list)
    url: str = ""

    def asked(self, kind: type[Message]) -> list[Any]:
        """Return the requests of a kind, in order."""
        return [request for request in self.requests if isinstance(request, kind)]

    async def CollectionExists(self, request: Any, context: Any) -> Message:  # noqa: N802 - gRPC's form
        answer = api.CollectionExistsResponse()
        answer.result.exists = not self.is_new
        return answer

    async def ListAliases(self, request: Any, context: Any) -> Message:  # noqa: N802 - gRPC's form
        answer = api.ListAliasesResponse()
        answer.aliases.add(alias_name="photos", collection_name=COLLECTION)
        return answer

    async def Get(self, request: Any, context: Any) -> Message:  # noqa: N802 - gRPC's form
        if isinstance(request, api.GetPoints):
            return api.GetResponse()
        return api.GetCollectionInfoResponse(result=self.info)

    async def Count(self, request: Any, context: Any) -> Message:  # noqa: N802 - gRPC's form
        answer = api.CountResponse()
        answer.result.count = 1000
        return answer

    async def Create(self, request: Any, context: Any) -> Message:  # noqa: N802 - gRPC's form
        return self._record(request)

    async def Update(self, request: Any, context: Any) -> Message:  # noqa: N802 - gRPC's form
        return self._record(request)

    async def CreateFieldIndex(self, request: Any, context: Any) -> Message:  # noqa: N802 - gRPC's form
        self.requests.append(request)
        return api.PointsOperationResponse()

    async def QueryBatch(self, request: Any, context: Any) -> Message:  # noqa: N802 - gRPC's form
        self.requests.append(request)
        answer = api.QueryBatchResponse()
        for _ in request.query_points:
            answer.result.add()
        return answer

    def _record(self, request: Message) -> Message:
        self.requests.append(request)
        return api.CollectionOperationResponse(result=True)


@asynccontextmanager
async def recording(*, is_new: bool = False) -> AsyncIterator[RecordingQdrant]:
    """Serve a recording Qdrant while the context is open."""
    qdrant = RecordingQdrant(is_new)
    server = grpc.aio.server()
    api.add_CollectionsServicer_to_server(qdrant, server)  # type: ignore[no-untyped-call] # generated
    api.add_PointsServicer_to_server(qdrant, server)  # type: ignore[no-untyped-call] # generated
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    qdrant.url = f"http://127.0.0.1:{port}"
    try:
        yield qdrant
    finally:
        await server.stop(None)
