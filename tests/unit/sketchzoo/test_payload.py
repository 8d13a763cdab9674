"""Payloads between Python and the wire."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qdrant_client import grpc

from sketchzoo.payload import fill_payload, read_payload

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
    fill_payload(point.payload, payload)
    back = read_payload(grpc.PointStruct.FromString(point.SerializeToString()).payload)
    assert json.dumps(back, sort_keys=True) == json.dumps(payload, sort_keys=True)


def test_integers_past_the_wire_become_floats() -> None:
    """An integer that int64 cannot hold is told as the nearest float."""
    point = grpc.PointStruct()
    fill_payload(point.payload, {"n": 2**64 - 1})
    assert point.payload["n"].double_value == float(2**64 - 1)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_json_has_not_are_refused(number: float) -> None:
    """Nobody can send one, and nobody stores it."""
    point = grpc.PointStruct(payload={"n": grpc.Value(double_value=number)})
    with pytest.raises(ValueError, match="must be finite"):
        read_payload(point.payload)
