"""Vectors and configurations between messages and the engine."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qdrant_client import grpc

from embedded_qdrant import shard_config
from embedded_qdrant.conversion import configs, vectors
from sketchzoo.rpc import CallError


@given(st.lists(st.floats(width=32, allow_nan=True, allow_infinity=True), min_size=3, max_size=3))
def test_a_vector_passes_exactly_when_it_is_finite(values: list[float]) -> None:
    """NaN and infinities are refused wherever they stand, and nothing else is."""
    if all(map(math.isfinite, values)):
        assert vectors.checked(values, "", {"": 3}) == values
    else:
        with pytest.raises(CallError, match="finite"):
            vectors.checked(values, "", {"": 3})


def _create(**fields: Any) -> grpc.CreateCollection:
    params = grpc.VectorParams(size=8, distance=grpc.Distance.Cosine)
    return grpc.CreateCollection(
        **{
            "collection_name": "c",
            "vectors_config": grpc.VectorsConfig(params=params),
            **fields,
        }
    )


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"vectors_config": grpc.VectorsConfig(params=grpc.VectorParams(size=0))}, "size"),
        ({"vectors_config": grpc.VectorsConfig(params=grpc.VectorParams(size=9))}, "distance"),
        ({"hnsw_config": grpc.HnswConfigDiff(m=10_000)}, "m must be at most"),
        ({"hnsw_config": grpc.HnswConfigDiff(ef_construct=1)}, "ef_construct from"),
        ({"quantization_config": grpc.QuantizationConfig()}, "quantization_config is empty"),
        (
            {"quantization_config": grpc.QuantizationConfig(scalar=grpc.ScalarQuantization())},
            "must be Int8",
        ),
    ],
)
def test_a_configuration_that_cannot_be_is_refused(fields: dict[str, Any], words: str) -> None:
    """Sizes, distances and index parameters are checked, and the message names the field."""
    with pytest.raises(CallError, match=words) as caught:
        configs.created(_create(**fields))
    assert caught.value.code.name == "INVALID_ARGUMENT"


def test_the_server_defaults_are_filled_in() -> None:
    """What a request leaves out is what Qdrant's server would take."""
    config = configs.created(_create())
    assert (config.hnsw_config.m, config.hnsw_config.ef_construct) == (16, 100)
    assert config.hnsw_config.full_scan_threshold == 10_000
    assert config.params.shard_number == 1


def test_the_index_gets_as_many_threads_as_it_is_told() -> None:
    """0 threads, the server's word for automatic, becomes the number that is asked for."""
    plan = configs.plan(configs.created(_create()), threads=3)
    assert plan["hnsw"]["max_indexing_threads"] == 3
    assert shard_config.make(plan).hnsw_config.max_indexing_threads == 3
