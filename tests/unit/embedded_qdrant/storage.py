"""What the tests of embedded Qdrant's storage share."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import qdrant_edge as edge
from qdrant_client import grpc

from embedded_qdrant.catalogue import Catalogue
from embedded_qdrant.collection import Collection
from embedded_qdrant.conversion import configs
from embedded_qdrant.settings import EmbeddedQdrantSettings

DIMENSION = 8


def opened(path: Path, **settings: Any) -> Catalogue:
    """Return the open catalogue of a folder."""
    catalogue = Catalogue(EmbeddedQdrantSettings(path=path, **settings))
    catalogue.open()
    return catalogue


def config(**optimizers: Any) -> grpc.CollectionConfig:
    """Return the configuration of a collection of small vectors."""
    params = grpc.VectorParams(size=DIMENSION, distance=grpc.Distance.Cosine)
    made = configs.created(grpc.CreateCollection(vectors_config=grpc.VectorsConfig(params=params)))
    made.optimizer_config.MergeFrom(grpc.OptimizersConfigDiff(**optimizers))
    return made


def upsert(numbers: Iterable[int], tag: str = "x") -> grpc.UpsertPoints:
    """Return a write of points: their numbers, vectors that follow from these, and a tag."""
    return grpc.UpsertPoints(
        points=[
            grpc.PointStruct(
                id=grpc.PointId(num=number),
                vectors=grpc.Vectors(
                    vector=grpc.Vector(dense=grpc.DenseVector(data=vector(number)))
                ),
                payload={
                    "tag": grpc.Value(string_value=tag),
                    "number": grpc.Value(integer_value=number),
                },
            )
            for number in numbers
        ]
    )


def vector(number: int) -> list[float]:
    """Return a point's vector."""
    return [float((number * (place + 3)) % 17 + 1) for place in range(DIMENSION)]


def delete(numbers: Iterable[int]) -> grpc.DeletePoints:
    """Return a write that deletes points."""
    ids = grpc.PointsIdsList(ids=[grpc.PointId(num=number) for number in numbers])
    return grpc.DeletePoints(points=grpc.PointsSelector(points=ids))


def field_index(name: str) -> grpc.CreateFieldIndexCollection:
    """Return a write that indexes a payload field of words."""
    return grpc.CreateFieldIndexCollection(
        field_name=name, field_type=grpc.FieldType.FieldTypeKeyword
    )


def soon() -> float:
    """Return a deadline that no test meets."""
    return time.monotonic() + 60


def tags(collection: Collection) -> dict[int, str]:
    """Return every point's tag."""
    records, _ = collection.shard.scroll(edge.ScrollRequest(limit=100_000, with_payload=True))
    found: dict[int, str] = {}
    for record in records:
        payload: Any = record.payload
        number: Any = record.id
        assert payload["number"] == number
        found[number] = payload["tag"]
    return found


def alias(collection: str, name: str) -> grpc.AliasOperations:
    """Return the action that makes an alias."""
    return grpc.AliasOperations(
        create_alias=grpc.CreateAlias(collection_name=collection, alias_name=name)
    )
