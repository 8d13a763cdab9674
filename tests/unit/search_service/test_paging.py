"""Page tokens: they go on where the page ended, in their own search alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_service.paging import read_token, write_token
from sketchzoo.rpc import CallError

DEPTH = 10_000
identities = st.binary(min_size=16, max_size=16)
offsets = st.integers(1, DEPTH - 1)
names = st.text("0123456789abcdef", min_size=16, max_size=16)


def refused(token: str, identity: bytes, fingerprint: str, depth: int = DEPTH) -> str:
    with pytest.raises(CallError) as caught:
        read_token(token, identity, fingerprint, depth)
    assert caught.value.code.name == "INVALID_ARGUMENT"
    assert caught.value.message.startswith("page_token ")
    return caught.value.message


def test_no_token_is_the_first_page() -> None:
    """An empty token starts at the first hit."""
    assert read_token("", b"x" * 16, "m", DEPTH) == 0


@given(offsets, identities, names)
def test_a_token_tells_its_own_search_where_it_ended(
    offset: int, identity: bytes, fingerprint: str
) -> None:
    """What was written is read."""
    token = write_token(offset, identity, fingerprint)
    assert read_token(token, identity, fingerprint, DEPTH) == offset
    assert len(token) <= 64
    assert token.isascii()


@given(offsets, identities, identities, names, names)
def test_a_token_of_another_search_or_model_is_refused(
    offset: int, one: bytes, two: bytes, model: str, other: str
) -> None:
    """Another query, filter or fingerprint: refused."""
    token = write_token(offset, one, model)
    if one != two:
        refused(token, two, model)
    if model != other:
        refused(token, one, other)


@given(offsets, identities, names, st.data())
def test_a_changed_token_is_refused(
    offset: int, identity: bytes, fingerprint: str, data: st.DataObject
) -> None:
    """Any other character anywhere, a longer or a shorter token: refused."""
    token = write_token(offset, identity, fingerprint)
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters().filter(lambda c: c != token[at]))
    refused(token[:at] + other + token[at + 1 :], identity, fingerprint)
    if at:
        refused(token[:at], identity, fingerprint)
    refused(token + other, identity, fingerprint)


@given(st.text(min_size=1, max_size=200))
def test_anything_else_is_refused(token: str) -> None:
    """No text makes the reader fail otherwise."""
    refused(token, b"x" * 16, "m")


def test_a_token_beyond_the_depth_is_refused() -> None:
    """A service that lets page less deep refuses deeper tokens."""
    token = write_token(5000, b"x" * 16, "m")
    assert "5000" in refused(token, b"x" * 16, "m", 5000)
