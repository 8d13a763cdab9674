"""Vectors: dense ones, checked before the engine sees them.

The engine stores and scores NaN without a word, and writes a wrong dimension to its log
before it refuses it: so names, dimensions and finiteness are checked here.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from qdrant_client import grpc

from embedded_qdrant.errors import UnknownVectorError, unserved, wrong_input

# Vector names and dimensions of a collection; the unnamed vector's name is "".
Dimensions = Mapping[str, int]


def checked(values: Sequence[float], name: str, dimensions: Dimensions) -> list[float]:
    """Return `values` as a list; INVALID_ARGUMENT unless they fit the vector `name`."""
    expected = dimensions.get(name)
    if expected is None:
        raise UnknownVectorError(name)
    numbers = list(values)
    if len(numbers) != expected:
        raise wrong_input(f"Vector dimension error: expected dim: {expected}, got {len(numbers)}")
    # A float64 sum of float32 values is not finite exactly when one of them is not.
    if not math.isfinite(sum(numbers)):
        raise wrong_input("a vector's numbers must be finite, this one has NaN or infinity")
    return numbers


def _dense(vector: grpc.Vector) -> Sequence[float]:
    match vector.WhichOneof("vector"):
        case "dense":
            return vector.dense.data
        case None:
            if vector.HasField("indices"):
                raise unserved("Vector.indices (a sparse vector)")
            if vector.HasField("vectors_count") and vector.vectors_count > 1:
                raise unserved("Vector.vectors_count (a multivector)")
            return vector.data
        case other:
            raise unserved(f"Vector.{other}")


def to_engine(vectors: grpc.Vectors, dimensions: Dimensions) -> Any:
    """Return what the engine's `Point` takes: a list, or a dict of names to lists."""
    match vectors.WhichOneof("vectors_options"):
        case "vector":
            return checked(_dense(vectors.vector), "", dimensions)
        case "vectors":
            return {
                name: checked(_dense(vector), name, dimensions)
                for name, vector in vectors.vectors.vectors.items()
            }
        case _:
            return {}


def fill(point: grpc.ScoredPoint | grpc.RetrievedPoint, vector: Any) -> None:
    """Write a vector that the engine gave, if it gave one, into a point's message."""
    if isinstance(vector, dict):
        named = point.vectors.vectors
        named.SetInParent()
        for name, values in vector.items():
            named.vectors[name].dense.data.extend(values)
    elif vector is not None:
        dense = point.vectors.vector.dense
        dense.SetInParent()
        dense.data.extend(vector)
