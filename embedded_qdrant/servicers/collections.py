"""`qdrant.Collections`: collections and aliases."""
# ruff: noqa: N802 - methods have the contract's names

import time

from qdrant_client import grpc
from qdrant_client.grpc import collections_service_pb2

from embedded_qdrant.catalogue import Catalogue
from embedded_qdrant.collection import Collection
from embedded_qdrant.conversion import configs, indexes
from embedded_qdrant.errors import engine_errors
from embedded_qdrant.servicers.calls import Context, Gate, refuse_the_rest

SERVICE = collections_service_pb2.DESCRIPTOR.services_by_name["Collections"]


@refuse_the_rest(SERVICE)
class CollectionsService(grpc.CollectionsServicer):
    """Collections and aliases of one catalogue."""

    def __init__(self, catalogue: Catalogue, gate: Gate) -> None:
        self._catalogue = catalogue
        self._gate = gate

    async def Get(
        self, request: grpc.GetCollectionInfoRequest, context: Context
    ) -> grpc.GetCollectionInfoResponse:
        """Tell a collection's state and configuration."""
        self._gate.enter(context)
        start = time.perf_counter()
        collection = self._catalogue.get(request.collection_name)
        with engine_errors():
            collection.refresh()
            described = _described(collection)
        return grpc.GetCollectionInfoResponse(result=described, time=time.perf_counter() - start)

    async def List(
        self,
        request: grpc.ListCollectionsRequest,  # noqa: ARG002 - gRPC's form
        context: Context,
    ) -> grpc.ListCollectionsResponse:
        """Name every collection."""
        self._gate.enter(context)
        start = time.perf_counter()
        return grpc.ListCollectionsResponse(
            collections=[grpc.CollectionDescription(name=name) for name in self._catalogue.names()],
            time=time.perf_counter() - start,
        )

    async def Create(
        self, request: grpc.CreateCollection, context: Context
    ) -> grpc.CollectionOperationResponse:
        """Make a collection."""
        self._gate.enter(context, writes=True)
        start = time.perf_counter()
        self._catalogue.create(request.collection_name, configs.created(request))
        return grpc.CollectionOperationResponse(result=True, time=time.perf_counter() - start)

    async def Delete(
        self, request: grpc.DeleteCollection, context: Context
    ) -> grpc.CollectionOperationResponse:
        """Remove a collection and its aliases."""
        self._gate.enter(context, writes=True)
        start = time.perf_counter()
        removed = await self._catalogue.delete(request.collection_name)
        return grpc.CollectionOperationResponse(result=removed, time=time.perf_counter() - start)

    async def CollectionExists(
        self, request: grpc.CollectionExistsRequest, context: Context
    ) -> grpc.CollectionExistsResponse:
        """Tell whether a collection or an alias has the name."""
        self._gate.enter(context)
        start = time.perf_counter()
        exists = self._catalogue.exists(request.collection_name)
        return grpc.CollectionExistsResponse(
            result=grpc.CollectionExists(exists=exists), time=time.perf_counter() - start
        )

    async def UpdateAliases(
        self, request: grpc.ChangeAliases, context: Context
    ) -> grpc.CollectionOperationResponse:
        """Change aliases: all of the changes, or none."""
        self._gate.enter(context, writes=True)
        start = time.perf_counter()
        self._catalogue.change_aliases(request.actions)
        return grpc.CollectionOperationResponse(result=True, time=time.perf_counter() - start)

    async def ListAliases(
        self,
        request: grpc.ListAliasesRequest,  # noqa: ARG002 - gRPC's form
        context: Context,
    ) -> grpc.ListAliasesResponse:
        """Name every alias."""
        self._gate.enter(context)
        start = time.perf_counter()
        return grpc.ListAliasesResponse(
            aliases=[
                grpc.AliasDescription(alias_name=alias, collection_name=collection)
                for alias, collection in self._catalogue.aliases()
            ],
            time=time.perf_counter() - start,
        )


def _described(collection: Collection) -> grpc.CollectionInfo:
    statistics = collection.statistics
    status = grpc.CollectionStatus.Yellow if collection.building else grpc.CollectionStatus.Green
    return grpc.CollectionInfo(
        status=status,
        optimizer_status=grpc.OptimizerStatus(ok=True),
        segments_count=statistics.segments,
        points_count=statistics.points,
        # The engine counts deleted vectors too; there are never more than points.
        indexed_vectors_count=min(
            statistics.indexed, statistics.points * len(collection.dimensions)
        ),
        config=collection.config,
        payload_schema={
            key: indexes.described(index)
            for key, index in collection.shard.info().payload_schema.items()
        },
        update_queue=grpc.UpdateQueueInfo(length=collection.waiting),
    )
