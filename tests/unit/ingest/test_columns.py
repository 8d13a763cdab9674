"""Inferring the types of a manifest's columns."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from sketchzoo_ingest.sources.columns import Columns


def infer(*texts: str) -> list[object]:
    rows = [{"x": text} for text in texts]
    columns = Columns.infer(rows)
    return [columns.payload(row).get("x") for row in rows]


def test_kinds() -> None:
    """Whole numbers, numbers, truth values and texts are told apart."""
    assert infer("1", "-2") == [1, -2]
    assert infer("1", "2.5", "1e3") == [1.0, 2.5, 1000.0]
    assert infer("true", "False") == [True, False]
    assert infer("1", "true") == ["1", "true"]
    assert infer("1", "", "2") == [1, None, 2]


def test_what_only_looks_like_a_number_is_text() -> None:
    """Codes with leading zeros, nan, inf, and whole numbers over 64 bits are text."""
    for text in ("007", "nan", "inf", "1_000", "0x10", "1e999", "9" * 30, "\u0661"):
        assert infer(text) == [text]


@settings(deadline=None)
@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1))
def test_whole_numbers_come_back(values: list[int]) -> None:
    """Every 64-bit whole number comes back as it was."""
    assert infer(*map(str, values)) == values


@settings(deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_come_back(values: list[float]) -> None:
    """Every finite number comes back as it was."""
    found = infer(*map(repr, values))
    assert all(isinstance(v, float) and math.isfinite(v) for v in found)
    assert found == values


@settings(deadline=None)
@given(st.lists(st.text(min_size=1), min_size=1))
def test_no_text_is_lost(texts: list[str]) -> None:
    """Whatever the type, a cell that is not empty has a value, and all have one type."""
    found = infer(*texts)
    assert None not in found
    assert len({type(value) for value in found}) == 1
