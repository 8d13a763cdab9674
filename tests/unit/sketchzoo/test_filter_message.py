"""Filters: from the SDK's words over the message to the gallery's values."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sketchzoo.class_names import composed
from sketchzoo.client import Range
from sketchzoo.client.query import filter_message
from sketchzoo.filter_message import parse_filter
from sketchzoo.qdrant import AnyOf, FieldCondition, Filter
from sketchzoo.qdrant import Range as Bounds
from sketchzoo.search.v1 import search_pb2

texts = st.text(min_size=1, max_size=20)
whole = st.integers(-(2**63), 2**63 - 1)
numbers = st.floats(allow_nan=False, allow_infinity=False)
names = st.from_regex(r"[a-z_][a-z0-9_]{0,8}(\.[a-z0-9_]{1,8}){0,2}", fullmatch=True)
bounds = st.dictionaries(st.sampled_from(["gt", "gte", "lt", "lte"]), numbers, min_size=1)
ranges = bounds.map(lambda values: Range(**values))
wanted = st.one_of(
    texts,
    whole,
    st.booleans(),
    st.lists(texts, min_size=1, max_size=5),
    st.lists(whole, min_size=1, max_size=5),
    ranges,
)


@given(
    st.lists(texts, max_size=4),
    st.lists(texts, max_size=4),
    st.dictionaries(names, wanted, max_size=4),
)
def test_what_a_client_asks_is_what_the_gallery_hears(
    classes: list[str], excluded: list[str], where: dict[str, Any]
) -> None:
    """Client words, message on the wire, checked filter: nothing lost, nothing added."""
    message = filter_message(classes, excluded, where) or search_pb2.Filter()
    received = search_pb2.Filter.FromString(message.SerializeToString())
    assert parse_filter(received, "filter") == Filter(
        tuple(map(composed, classes)),
        tuple(map(composed, excluded)),
        tuple(_expected(name, value) for name, value in where.items()),
    )


def _expected(name: str, value: Any) -> FieldCondition:
    match value:
        case Range():
            return FieldCondition(name, Bounds(value.gt, value.gte, value.lt, value.lte))
        case list():
            return FieldCondition(name, AnyOf(tuple(value)))
        case _:
            return FieldCondition(name, value)


def test_classes_are_compared_as_ingest_writes_them() -> None:
    """A name in either of Unicode's forms asks for the same class, as a field too."""
    mac = "Lo\u0308we"
    message = filter_message([mac], [mac], {"class": mac, "keeper": mac})
    assert message is not None
    assert parse_filter(message, "filter") == Filter(
        ("Löwe",),
        ("Löwe",),
        (FieldCondition("class", "Löwe"), FieldCondition("keeper", mac)),
    )


def test_nested_fields_are_named_with_dots_and_brackets() -> None:
    """Paths into objects and lists pass as Qdrant writes them."""
    for name in ("camera.iso", "tags[]", "shots[].lens.f-number", "größe"):
        message = filter_message((), (), {name: 1})
        assert message is not None
        if name.isascii():
            assert parse_filter(message, "filter").fields[0].field == name
