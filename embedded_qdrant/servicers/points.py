"""`qdrant.Points`: writes, reads and queries."""
# ruff: noqa: N802 - methods have the contract's names

import asyncio
import time

import qdrant_edge as edge
from qdrant_client import grpc
from qdrant_client.grpc import points_service_pb2

from embedded_qdrant.catalogue import Catalogue
from embedded_qdrant.collection import Collection
from embedded_qdrant.conversion import configs, filters, ids, points, queries, scrolls
from embedded_qdrant.errors import engine_errors, wrong_input
from embedded_qdrant.grouping import Grouping
from embedded_qdrant.operations import Overwrite, Write, message_of
from embedded_qdrant.servicers.calls import Context, Gate, refuse_the_rest
from embedded_qdrant.settings import EmbeddedQdrantSettings
from sketchzoo.rpc import deadline_exceeded

SERVICE = points_service_pb2.DESCRIPTOR.services_by_name["Points"]
_DEFAULT_FACETS = 10


@refuse_the_rest(SERVICE)
class PointsService(grpc.PointsServicer):
    """Points of one catalogue's collections."""

    def __init__(self, catalogue: Catalogue, gate: Gate, settings: EmbeddedQdrantSettings) -> None:
        self._catalogue = catalogue
        self._gate = gate
        self._settings = settings

    async def Upsert(
        self, request: grpc.UpsertPoints, context: Context
    ) -> grpc.PointsOperationResponse:
        """Insert points, or replace those with the same ids."""
        self._limit("points", len(request.points), self._settings.max_points_per_call)
        if not request.points:
            raise wrong_input("Empty update request")
        return await self._write(request, context)

    async def Delete(
        self, request: grpc.DeletePoints, context: Context
    ) -> grpc.PointsOperationResponse:
        """Delete points by ids or filter."""
        return await self._write(request, context)

    async def SetPayload(
        self, request: grpc.SetPayloadPoints, context: Context
    ) -> grpc.PointsOperationResponse:
        """Merge fields into payloads."""
        return await self._write(request, context)

    async def OverwritePayload(
        self, request: grpc.SetPayloadPoints, context: Context
    ) -> grpc.PointsOperationResponse:
        """Replace payloads."""
        return await self._write(Overwrite(request), context)

    async def DeletePayload(
        self, request: grpc.DeletePayloadPoints, context: Context
    ) -> grpc.PointsOperationResponse:
        """Delete fields of payloads."""
        return await self._write(request, context)

    async def CreateFieldIndex(
        self, request: grpc.CreateFieldIndexCollection, context: Context
    ) -> grpc.PointsOperationResponse:
        """Index a payload field."""
        return await self._write(request, context)

    async def Get(self, request: grpc.GetPoints, context: Context) -> grpc.GetResponse:
        """Return points by id; those that are not there are left out."""
        start, collection = self._read(request, context)
        self._limit("ids", len(request.ids), self._settings.max_points_per_call)
        with engine_errors():
            records = collection.shard.retrieve(
                list(ids.all_to_engine(request.ids)),
                points.payload_selector(request.with_payload),
                points.vector_selector(request.with_vectors, collection.dimensions),
            )
        response = grpc.GetResponse()
        points.add_records(response.result, records)
        response.time = time.perf_counter() - start
        return response

    async def Scroll(self, request: grpc.ScrollPoints, context: Context) -> grpc.ScrollResponse:
        """Return points in the order of their ids or of a field, a page at a time."""
        start, collection = self._read(request, context)
        self._limit("limit", request.limit, self._settings.max_limit)
        wanted = scrolls.to_engine(request, collection.dimensions)
        with engine_errors():
            records, following = collection.shard.scroll(wanted)
        response = grpc.ScrollResponse()
        if following is not None:
            ids.fill(response.next_page_offset, following)
        points.add_records(response.result, records)
        response.time = time.perf_counter() - start
        return response

    async def Count(self, request: grpc.CountPoints, context: Context) -> grpc.CountResponse:
        """Count points under a filter."""
        start, collection = self._read(request, context)
        exact = request.exact if request.HasField("exact") else True
        with engine_errors():
            count = collection.shard.count(
                edge.CountRequest(exact=exact, filter=filters.optional(request))
            )
        return grpc.CountResponse(
            result=grpc.CountResult(count=count), time=time.perf_counter() - start
        )

    async def Query(self, request: grpc.QueryPoints, context: Context) -> grpc.QueryResponse:
        """Return the points nearest to what the query gives or names."""
        start, collection = self._read(request, context)
        query = self._query(collection, request)
        with engine_errors():
            hits = collection.shard.query(query)
        response = grpc.QueryResponse()
        points.add_hits(response.result, hits)
        response.time = time.perf_counter() - start
        return response

    async def QueryBatch(
        self, request: grpc.QueryBatchPoints, context: Context
    ) -> grpc.QueryBatchResponse:
        """Answer several queries in one pass over the collection."""
        start, collection = self._read(request, context)
        self._limit("query_points", len(request.query_points), self._settings.max_queries_per_call)
        wanted = [self._query(collection, query) for query in request.query_points]
        with engine_errors():
            answers = collection.shard.query_batch(edge.QueryBatchRequest(wanted))
        response = grpc.QueryBatchResponse()
        for hits in answers:
            points.add_hits(response.result.add().result, hits)
        response.time = time.perf_counter() - start
        return response

    async def QueryGroups(
        self, request: grpc.QueryPointGroups, context: Context
    ) -> grpc.QueryGroupsResponse:
        """Return the nearest points of each value of a payload field."""
        deadline = self._gate.enter(context)
        start = time.perf_counter()
        collection = self._catalogue.get(request.collection_name)
        grouping = self._grouping(collection, request)
        while (wanted := grouping.next_request()) is not None:
            with engine_errors():
                grouping.add(collection.shard.query(wanted))
            # Others get their turn, and one of them may delete the collection.
            await asyncio.sleep(0)
            collection = self._catalogue.get(collection.name)
            if time.monotonic() >= deadline:
                raise deadline_exceeded("the groups were not complete in time")
        best = grouping.best()
        with engine_errors():
            records = collection.shard.retrieve(
                [point.id for _, hits in best for point in hits],
                points.payload_selector(request.with_payload),
                points.vector_selector(request.with_vectors, collection.dimensions),
            )
        response = grpc.QueryGroupsResponse()
        points.add_groups(response.result.groups, best, records)
        response.time = time.perf_counter() - start
        return response

    async def Facet(self, request: grpc.FacetCounts, context: Context) -> grpc.FacetResponse:
        """Count points by the values of an indexed payload field."""
        start, collection = self._read(request, context)
        limit = request.limit if request.HasField("limit") else _DEFAULT_FACETS
        self._limit("limit", limit, self._settings.max_limit)
        with engine_errors():
            hits = collection.shard.facet(
                edge.FacetRequest(
                    key=request.key,
                    limit=limit,
                    exact=request.exact,
                    filter=filters.optional(request),
                )
            ).hits
        return grpc.FacetResponse(
            hits=[grpc.FacetHit(value=_facet(hit.value), count=hit.count) for hit in hits],
            time=time.perf_counter() - start,
        )

    def _read(
        self,
        request: grpc.GetPoints
        | grpc.ScrollPoints
        | grpc.CountPoints
        | grpc.QueryPoints
        | grpc.QueryBatchPoints
        | grpc.FacetCounts,
        context: Context,
    ) -> tuple[float, Collection]:
        self._gate.enter(context)
        return time.perf_counter(), self._catalogue.get(request.collection_name)

    def _query(self, collection: Collection, request: grpc.QueryPoints) -> edge.QueryRequest:
        self._limit("limit", request.limit, self._settings.max_limit)
        self._limit("offset", request.offset, self._settings.max_offset)
        return queries.to_engine(request, collection.shard, collection.dimensions)

    def _grouping(self, collection: Collection, request: grpc.QueryPointGroups) -> Grouping:
        limit = request.limit if request.HasField("limit") else queries.DEFAULT_LIMIT
        size = request.group_size if request.HasField("group_size") else queries.DEFAULT_GROUP_SIZE
        for field, value in (("limit", limit), ("group_size", size)):
            if value < 1:
                raise wrong_input(f"{field} must be 1 or larger")
        if not request.group_by:
            raise wrong_input("group_by must name a payload field")
        self._limit("limit times group_size", limit * size, self._settings.max_limit)
        return Grouping(
            queries.grouped(request, collection.shard, collection.dimensions),
            request.group_by,
            limit,
            size,
            nearer_is_less=configs.nearer_is_less(collection.config, request.using),
        )

    async def _write(self, write: Write, context: Context) -> grpc.PointsOperationResponse:
        deadline = self._gate.enter(context, writes=True)
        start = time.perf_counter()
        message = message_of(write)
        if message.timeout:
            deadline = min(deadline, time.monotonic() + message.timeout)
        number = await self._catalogue.get(message.collection_name).write(write, deadline)
        # Acknowledged before it is made would not be safe from a crash: `wait` changes the
        # word of the answer, not what it is worth.
        status = grpc.UpdateStatus.Completed if message.wait else grpc.UpdateStatus.Acknowledged
        return grpc.PointsOperationResponse(
            result=grpc.UpdateResult(operation_id=number, status=status),
            time=time.perf_counter() - start,
        )

    def _limit(self, field: str, value: int, largest: int) -> None:
        if value > largest:
            raise wrong_input(f"{field} must be at most {largest}, got {value}")


def _facet(value: str | int | bool) -> grpc.FacetValue:  # noqa: FBT001 - a value, not a switch
    if isinstance(value, bool):
        return grpc.FacetValue(bool_value=value)
    if isinstance(value, int):
        return grpc.FacetValue(integer_value=value)
    return grpc.FacetValue(string_value=str(value))
