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

SERVED = {
    "Points": {
        "Upsert", "Delete", "Get", "SetPayload", "OverwritePayload", "DeletePayload",
        "ClearPayload", "CreateFieldIndex", "DeleteFieldIndex", "Scroll", "Count", "Query",
        "QueryBatch", "Facet",
    },
    "Collections": {
        "Get", "List", "Create", "Update", "Delete", "UpdateAliases", "ListCollectionAliases",
        "ListAliases", "CollectionExists",
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
    async with grpc.aio.insecure_channel(address.target) as channel:
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
    with grpc.insecure_channel(address.target) as channel:
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
