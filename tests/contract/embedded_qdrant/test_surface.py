"""What is around the calls: health, reflection, and what is not served."""

from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from qdrant_client import AsyncQdrantClient, models
from qdrant_client import grpc as qdrant
from qdrant_client.grpc import collections_service_pb2, points_service_pb2, snapshots_service_pb2

from sketchzoo.rpc.channel import open_blocking_channel, open_channel

SERVED = {
    "Points": {
        "Upsert", "Delete", "Get", "SetPayload", "OverwritePayload", "DeletePayload",
        "CreateFieldIndex", "Scroll", "Count", "Query", "QueryBatch", "QueryGroups", "Facet",
    },
    "Collections": {
        "Get", "List", "Create", "Delete", "UpdateAliases", "ListAliases", "CollectionExists",
    },
    "Snapshots": set(),
}  # fmt: skip
SERVICES = [
    points_service_pb2.DESCRIPTOR.services_by_name["Points"],
    collections_service_pb2.DESCRIPTOR.services_by_name["Collections"],
    snapshots_service_pb2.DESCRIPTOR.services_by_name["Snapshots"],
]
UNSERVED = [
    (service.full_name, method.name)
    for service in SERVICES
    for method in service.methods
    if method.name not in SERVED[service.name]
]


async def test_qdrants_health_check_tells_what_answers(address: Any) -> None:
    """Qdrant.HealthCheck gives a title and a version."""
    async with open_channel(address.channel_settings()) as channel:
        reply = await qdrant.QdrantStub(channel).HealthCheck(qdrant.HealthCheckRequest())
    assert "qdrant" in reply.title
    assert reply.version[0].isdigit()


async def test_health_knows_each_service(address: Any) -> None:
    """grpc.health.v1 says SERVING for the whole and for each of the services."""
    if not address.embedded:
        pytest.skip("the server knows the whole only")
    async with grpc.aio.insecure_channel(address.target) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for service in ("", "qdrant.Points", "qdrant.Collections", "qdrant.Qdrant"):
            reply = await stub.Check(health_pb2.HealthCheckRequest(service=service))
            assert reply.status == health_pb2.HealthCheckResponse.SERVING


def test_reflection_lists_the_services(address: Any) -> None:
    """Reflection names Qdrant's services, so that grpcurl needs no files."""
    if address.api_key:
        pytest.skip("reflection's client sends no key")
    with open_blocking_channel(address.channel_settings()) as channel:
        services = set(ProtoReflectionDescriptorDatabase(channel).get_services())
    assert {"qdrant.Points", "qdrant.Collections", "qdrant.Qdrant"} <= services


@pytest.mark.parametrize(("service", "method"), UNSERVED)
async def test_what_is_not_served_says_so_by_name(address: Any, service: str, method: str) -> None:
    """Every other method of Qdrant's services is UNIMPLEMENTED and names itself."""
    if not address.embedded:
        pytest.skip("the server serves it")
    async with grpc.aio.insecure_channel(address.target) as channel:
        call = channel.unary_unary(f"/{service}/{method}", request_serializer=lambda _: b"")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(None, timeout=10)
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert caught.value.details() == (
        f"{service}/{method} is not served by embedded Qdrant; use a server"
    )


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        (
            {
                "prefetch": models.Prefetch(query=[1, 0, 0, 0], limit=5),
                "query": models.FusionQuery(fusion=models.Fusion.RRF),
            },
            "QueryPoints.prefetch",
        ),
        ({"query": models.OrderByQuery(order_by="width")}, "Query.order_by"),
        ({"query": models.SampleQuery(sample=models.Sample.RANDOM)}, "Query.sample"),
        ({"query": models.SparseVector(indices=[1], values=[1.0])}, "VectorInput.sparse"),
        ({"query": [1, 0, 0, 0], "lookup_from": models.LookupLocation(collection="c")}, "lookup"),
        ({"query": [1, 0, 0, 0], "shard_key_selector": "k"}, "shard_key_selector"),
        ({"query": None}, "QueryPoints without a query"),
        (
            {
                "query": models.RecommendQuery(
                    recommend=models.RecommendInput(
                        positive=[1], strategy=models.RecommendStrategy.BEST_SCORE
                    )
                )
            },
            "RecommendStrategy.BestScore",
        ),
        (
            {
                "query": [1, 0, 0, 0],
                "search_params": models.SearchParams(acorn=models.AcornSearchParams(enable=True)),
            },
            "SearchParams.acorn",
        ),
        (
            {
                "query": [1, 0, 0, 0],
                "query_filter": models.Filter(
                    min_should=models.MinShould(
                        conditions=[models.HasIdCondition(has_id=[1])], min_count=1
                    )
                ),
            },
            "Filter.min_should",
        ),
        (
            {
                "query": [1, 0, 0, 0],
                "query_filter": models.Filter(
                    must=[models.FieldCondition(key="tags", values_count=models.ValuesCount(gt=1))]
                ),
            },
            "FieldCondition.values_count",
        ),
        (
            {
                "query": [1, 0, 0, 0],
                "query_filter": models.Filter(
                    must=[
                        models.FieldCondition(
                            key="class", match=models.MatchExcept(**{"except": ["cat"]})
                        )
                    ]
                ),
            },
            "Match.except_keywords",
        ),
    ],
)
async def test_parts_of_queries_that_are_not_served_are_named(
    client: AsyncQdrantClient, filled: str, address: Any, asked: Any, named: str
) -> None:
    """A served method with an unserved field is UNIMPLEMENTED and names the field."""
    if not address.embedded:
        pytest.skip("the server serves it")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.query_points(filled, **asked)
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert named in (caught.value.details() or "")


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"sparse_vectors_config": {"s": models.SparseVectorParams()}}, "sparse_vectors_config"),
        ({"sharding_method": models.ShardingMethod.CUSTOM}, "sharding_method"),
        ({"optimizers_config": models.OptimizersConfigDiff()}, "optimizers_config"),
        ({"metadata": {"a": 1}}, "metadata"),
        (
            {"quantization_config": models.BinaryQuantization(binary={})},
            "QuantizationConfig.binary",
        ),
    ],
)
async def test_parts_of_collections_that_are_not_served_are_named(
    client: AsyncQdrantClient, name: str, address: Any, asked: Any, named: str
) -> None:
    """A collection with what the engine cannot keep is UNIMPLEMENTED, and not made."""
    if not address.embedded:
        pytest.skip("the server serves it")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.create_collection(
            name,
            vectors_config=models.VectorParams(size=4, distance=models.Distance.COSINE),
            **asked,
        )
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert named in (caught.value.details() or "")
    assert not await client.collection_exists(name)


async def test_parts_of_writes_that_are_not_served_are_named(
    client: AsyncQdrantClient, filled: str, address: Any
) -> None:
    """A write that says more than it can do is UNIMPLEMENTED, and nothing is written."""
    if not address.embedded:
        pytest.skip("the server serves it")
    cats = models.Filter(must=[models.HasIdCondition(has_id=[1])])
    point = models.PointStruct(id=1, vector=[0, 0, 0, 1], payload={})
    for call, named in (
        (client.upsert(filled, [point], update_filter=cats), "UpsertPoints.update_filter"),
        (client.set_payload(filled, {"a": 1}, points=[1], key="deep"), "SetPayloadPoints.key"),
        (client.set_payload(filled, {"a": 1}, points=cats), "points_selector.filter"),
        (
            client.create_payload_index(
                filled, "tags", models.KeywordIndexParams(type="keyword", is_tenant=True)
            ),
            "KeywordIndexParams.is_tenant",
        ),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
        assert named in (caught.value.details() or "")
    assert (await client.retrieve(filled, [1]))[0].payload == {"class": "cat", "width": 10}


@pytest.mark.parametrize(
    "asked",
    [{"limit": 10_001}, {"limit": 1, "offset": 100_001}],
)
async def test_limits_are_told(
    client: AsyncQdrantClient, filled: str, address: Any, asked: Any
) -> None:
    """Past a limit a query is INVALID_ARGUMENT and says what the limit is."""
    if not address.embedded:
        pytest.skip("the server has other limits")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.query_points(filled, query=[1, 0, 0, 0], **asked)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "must be at most" in (caught.value.details() or "")
