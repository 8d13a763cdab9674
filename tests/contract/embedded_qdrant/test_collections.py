"""Collections and aliases, as a Qdrant client sees them."""

import grpc
import pytest
from qdrant_client import AsyncQdrantClient, models

PARAMS = models.VectorParams(size=4, distance=models.Distance.COSINE)


def _alias(collection: str, alias: str) -> models.CreateAliasOperation:
    return models.CreateAliasOperation(
        create_alias=models.CreateAlias(collection_name=collection, alias_name=alias)
    )


async def test_a_collection_is_there_from_creation_to_deletion(
    client: AsyncQdrantClient, name: str
) -> None:
    """A collection exists and is listed once created, and neither once deleted."""
    assert not await client.collection_exists(name)
    await client.create_collection(name, vectors_config=PARAMS)
    assert await client.collection_exists(name)
    assert name in [c.name for c in (await client.get_collections()).collections]
    assert await client.delete_collection(name)
    assert not await client.collection_exists(name)
    assert name not in [c.name for c in (await client.get_collections()).collections]


async def test_deleting_what_is_not_there_says_so_without_failing(
    client: AsyncQdrantClient, name: str
) -> None:
    """Deleting an unknown collection answers False."""
    assert await client.delete_collection(name) is False


async def test_configuration_is_told_as_it_was_given(client: AsyncQdrantClient, name: str) -> None:
    """get_collection tells vectors, HNSW and quantization as created."""
    await client.create_collection(
        name,
        vectors_config=PARAMS,
        hnsw_config=models.HnswConfigDiff(m=32, ef_construct=200),
        quantization_config=models.ScalarQuantization(
            scalar=models.ScalarQuantizationConfig(
                type=models.ScalarType.INT8, quantile=0.99, always_ram=True
            )
        ),
    )
    config = (await client.get_collection(name)).config
    assert config.params.vectors == PARAMS
    assert (config.hnsw_config.m, config.hnsw_config.ef_construct) == (32, 200)
    assert isinstance(config.quantization_config, models.ScalarQuantization)
    assert config.quantization_config.scalar.type == models.ScalarType.INT8


async def test_named_vectors_are_kept_apart(client: AsyncQdrantClient, name: str) -> None:
    """A collection with two named vectors searches each by its name."""
    await client.create_collection(
        name,
        vectors_config={
            "photo": models.VectorParams(size=2, distance=models.Distance.DOT),
            "sketch": models.VectorParams(size=3, distance=models.Distance.EUCLID),
        },
    )
    await client.upsert(
        name,
        [
            models.PointStruct(id=1, vector={"photo": [1, 0], "sketch": [0, 0, 1]}),
            models.PointStruct(id=2, vector={"photo": [0, 1]}),
        ],
    )
    by_photo = await client.query_points(name, query=[0, 1], using="photo", with_vectors=["photo"])
    assert [(p.id, p.vector) for p in by_photo.points] == [
        (2, {"photo": [0, 1]}),
        (1, {"photo": [1, 0]}),
    ]
    by_sketch = await client.query_points(name, query=[0, 0, 0], using="sketch")
    assert [(p.id, p.score) for p in by_sketch.points] == [(1, 1.0)]


async def test_a_second_collection_of_the_same_name_is_refused(
    client: AsyncQdrantClient, collection: str
) -> None:
    """Creating an existing collection is ALREADY_EXISTS with the server's words."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.create_collection(collection, vectors_config=PARAMS)
    assert caught.value.code() == grpc.StatusCode.ALREADY_EXISTS
    assert caught.value.details() == f"Wrong input: Collection `{collection}` already exists!"


async def test_an_unknown_collection_is_not_found(client: AsyncQdrantClient, name: str) -> None:
    """Calls on an unknown collection are NOT_FOUND with the server's words."""
    for call in (
        client.get_collection(name),
        client.count(name),
        client.query_points(name, query=[1, 0, 0, 0]),
        client.upsert(name, [models.PointStruct(id=1, vector=[1, 0, 0, 0])]),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        assert caught.value.code() == grpc.StatusCode.NOT_FOUND
        assert caught.value.details() == f"Not found: Collection `{name}` doesn't exist!"


@pytest.mark.parametrize("bad", ["a/b", 'a"b', "x" * 300])
async def test_bad_names_are_refused(client: AsyncQdrantClient, bad: str) -> None:
    """A name that the server would not take is INVALID_ARGUMENT."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.create_collection(bad, vectors_config=PARAMS)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_an_alias_stands_for_its_collection(client: AsyncQdrantClient, filled: str) -> None:
    """Reads and writes through an alias reach the collection; it is listed, and exists."""
    alias = f"{filled}-alias"
    await client.update_collection_aliases([_alias(filled, alias)])
    assert (await client.count(alias)).count == 6
    await client.delete(alias, [6], wait=True)
    assert (await client.count(filled)).count == 5
    assert await client.collection_exists(alias)
    assert (alias, filled) in [
        (a.alias_name, a.collection_name) for a in (await client.get_aliases()).aliases
    ]


async def test_an_alias_moves_in_one_step(client: AsyncQdrantClient, filled: str) -> None:
    """Deleting and creating an alias in one request points it to another collection."""
    alias, other = f"{filled}-alias", f"{filled}-other"
    await client.create_collection(other, vectors_config=PARAMS)
    await client.update_collection_aliases([_alias(filled, alias)])
    await client.update_collection_aliases(
        [
            models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=alias)),
            _alias(other, alias),
        ]
    )
    assert (await client.count(alias)).count == 0
    await client.delete_collection(other)
    assert not await client.collection_exists(alias)


async def test_aliases_change_together_or_not_at_all(
    client: AsyncQdrantClient, filled: str, address: object
) -> None:
    """Where one of several alias changes cannot be made, NOT_FOUND and none is made."""
    if not address.embedded:  # type: ignore[attr-defined] # the fixture's class
        pytest.skip("the server makes the changes before the one that fails")
    alias = f"{filled}-alias"
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.update_collection_aliases(
            [_alias(filled, alias), _alias("nowhere", f"{alias}2")]
        )
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND
    assert not await client.collection_exists(alias)


async def test_an_alias_cannot_take_a_collections_name(
    client: AsyncQdrantClient, collection: str, name: str
) -> None:
    """An alias named as a collection is refused."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.update_collection_aliases([_alias(collection, collection)])
    assert caught.value.code() in (
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.INVALID_ARGUMENT,
    )


async def test_field_indexes_are_told(client: AsyncQdrantClient, filled: str) -> None:
    """Field indexes show in the schema with their type and points."""
    await client.create_payload_index(filled, "width", models.PayloadSchemaType.INTEGER)
    schema = (await client.get_collection(filled)).payload_schema
    assert schema["class"].data_type == models.PayloadSchemaType.KEYWORD
    assert schema["width"].data_type == models.PayloadSchemaType.INTEGER
    assert (schema["class"].points, schema["width"].points) == (5, 3)
