"""Payloads, vectors and configurations between messages and the engine."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qdrant_client import grpc

from embedded_qdrant import shard_config
from embedded_qdrant.conversion import configs, payloads, vectors
from sketchzoo.rpc import CallError

values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=8),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=6), values, max_size=4))
def test_payloads_survive_both_directions(payload: dict[str, Any]) -> None:
    """Any JSON object becomes messages and comes back as it was, types included."""
    point = grpc.PointStruct()
    payloads.fill(point.payload, payload)
    back = payloads.to_engine(grpc.PointStruct.FromString(point.SerializeToString()).payload)
    assert json.dumps(back, sort_keys=True) == json.dumps(payload, sort_keys=True)


def test_integers_past_the_wire_become_floats() -> None:
    """An integer that int64 cannot hold is told as the nearest float."""
    point = grpc.PointStruct()
    payloads.fill(point.payload, {"n": 2**64 - 1})
    assert point.payload["n"].double_value == float(2**64 - 1)


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
