"""Requests: what is checked, and what a wrong field is called."""

import struct
from typing import Any

import pytest
from google.rpc import error_details_pb2

from search_service.query import Kind, Picture, Text
from search_service.request import parse_search
from sketchzoo.images import Modality
from sketchzoo.qdrant import Filter
from sketchzoo.rpc import CallError
from sketchzoo.search.v1 import search_pb2 as pb
from sketchzoo.strokes import Stroke, Strokes

ID = "0f8fad5b-d9cb-469f-a165-70867728950e"


def strokes(**changes: Any) -> pb.SearchRequest:
    values = {
        "canvas_width": 100,
        "canvas_height": 50,
        "strokes": [pb.Stroke(x=[0, 100], y=[0, 50])],
        **changes,
    }
    return pb.SearchRequest(query=pb.Query(strokes=pb.Strokes(**values)))


def embedding(vector: bytes, dimension: int, fingerprint: str = "m") -> pb.SearchRequest:
    made = pb.Embedding(vector=vector, dimension=dimension, model_fingerprint=fingerprint)
    return pb.SearchRequest(query=pb.Query(embedding=made))


def condition(**values: Any) -> pb.SearchRequest:
    made = pb.FieldCondition(**values)
    return pb.SearchRequest(query=pb.Query(sketch=b"x"), filter=pb.Filter(fields=[made]))


def one_of(*values: pb.FieldValue) -> pb.SearchRequest:
    return condition(field="f", **{"in": pb.FieldValues(values=values)})


def query(**values: Any) -> pb.SearchRequest:
    return pb.SearchRequest(query=pb.Query(**values))


TEXT = pb.FieldValue(string_value="x")
NUMBER = pb.FieldValue(int_value=1)
LONG = "x" * 1025
good = {"x": [1], "y": [1]}

WRONG = [
    (pb.SearchRequest(), "query"),
    (query(disliked_photo_ids=[ID]), "query"),
    (query(sketch=b""), "query.sketch"),
    (query(sketch=bytes(128 * 1024 * 1024 + 1)), "query.sketch"),
    (query(photo=b""), "query.photo"),
    (query(photo_id=""), "query.photo_id"),
    (query(photo_id="{" + ID + "}"), "query.photo_id"),
    (query(photo_id=ID.replace("-", "")), "query.photo_id"),
    (query(liked_photo_ids=[ID, "x"]), "query.liked_photo_ids[1]"),
    (query(liked_photo_ids=[ID] * 101), "query.liked_photo_ids"),
    (query(sketch=b"x", disliked_photo_ids=["x"]), "query.disliked_photo_ids[0]"),
    (query(sketch=b"x", disliked_photo_ids=[ID] * 101), "query.disliked_photo_ids"),
    (strokes(canvas_width=0), "query.strokes.canvas_width"),
    (strokes(canvas_height=65_536), "query.strokes.canvas_height"),
    (strokes(width=float("nan")), "query.strokes.width"),
    (strokes(width=-1), "query.strokes.width"),
    (strokes(strokes=[]), "query.strokes.strokes"),
    (strokes(strokes=[pb.Stroke(**good)] * 1001), "query.strokes.strokes"),
    (strokes(strokes=[pb.Stroke(x=[1] * 10_001, y=[1] * 10_001)]), "query.strokes.strokes"),
    (strokes(strokes=[pb.Stroke(**good), pb.Stroke()]), "query.strokes.strokes[1].x"),
    (strokes(strokes=[pb.Stroke(x=[1, 2], y=[1])]), "query.strokes.strokes[0].y"),
    (strokes(strokes=[pb.Stroke(x=[101], y=[1])]), "query.strokes.strokes[0].x"),
    (strokes(strokes=[pb.Stroke(x=[1], y=[51])]), "query.strokes.strokes[0].y"),
    (strokes(strokes=[pb.Stroke(**good, width=-1)]), "query.strokes.strokes[0].width"),
    (embedding(b"", 0), "query.embedding.vector"),
    (embedding(b"\0\0\x80?", 2), "query.embedding.vector"),
    (embedding(bytes(8), 2), "query.embedding.vector"),
    (embedding(struct.pack("<f", float("nan")), 1), "query.embedding.vector"),
    (embedding(struct.pack("<2f", float("inf"), 1), 2), "query.embedding.vector"),
    (embedding(b"\0\0\x80?", 1, ""), "query.embedding.model_fingerprint"),
    (query(text=" \n "), "query.text"),
    (query(text="x" * 1001), "query.text"),
    (query(text="a\0b"), "query.text"),
    (query(text="a", text_weight=0.5), "query.text_weight"),
    (query(text="a", liked_photo_ids=[ID], text_weight=0.5), "query.text_weight"),
    (query(sketch=b"x", text_weight=0.5), "query.text_weight"),
    (query(sketch=b"x", text="a", text_weight=1.5), "query.text_weight"),
    (query(sketch=b"x", text="a", text_weight=float("nan")), "query.text_weight"),
    (query(sketch=b"x", focus=4), "query.focus"),
    (query(sketch=b"x", focus=-1), "query.focus"),
    (query(sketch=b"x", photo_id=ID), ""),
    (pb.SearchRequest(query=pb.Query(sketch=b"x"), limit=1001), "limit"),
    (pb.SearchRequest(query=pb.Query(sketch=b"x"), min_score=-0.1), "min_score"),
    (
        pb.SearchRequest(query=pb.Query(sketch=b"x"), filter=pb.Filter(classes=["a", ""])),
        "filter.classes[1]",
    ),
    (
        pb.SearchRequest(query=pb.Query(sketch=b"x"), filter=pb.Filter(excluded_classes=[LONG])),
        "filter.excluded_classes[0]",
    ),
    (
        pb.SearchRequest(query=pb.Query(sketch=b"x"), filter=pb.Filter(classes=["a"] * 1001)),
        "filter.classes",
    ),
    (condition(equals=TEXT), "filter.fields[0].field"),
    (condition(field="a b", equals=TEXT), "filter.fields[0].field"),
    (condition(field="a..b", equals=TEXT), "filter.fields[0].field"),
    (condition(field="a" * 201, equals=TEXT), "filter.fields[0].field"),
    (condition(field="f"), "filter.fields[0]"),
    (condition(field="f", equals=pb.FieldValue()), "filter.fields[0].equals"),
    (
        condition(field="f", equals=pb.FieldValue(string_value=LONG)),
        "filter.fields[0].equals.string_value",
    ),
    (one_of(), "filter.fields[0].in.values"),
    (one_of(TEXT, NUMBER), "filter.fields[0].in.values"),
    (one_of(pb.FieldValue(bool_value=True)), "filter.fields[0].in.values"),
    (one_of(*[NUMBER] * 1001), "filter.fields[0].in.values"),
    (condition(field="f", range=pb.FieldRange()), "filter.fields[0].range"),
    (condition(field="f", range=pb.FieldRange(lt=float("nan"))), "filter.fields[0].range.lt"),
    (condition(field="f", range=pb.FieldRange(gte=float("inf"))), "filter.fields[0].range.gte"),
]


@pytest.mark.parametrize(("request_", "field"), [pair for pair in WRONG if pair[1]])
def test_names_the_field_that_is_wrong(request_: pb.SearchRequest, field: str) -> None:
    """INVALID_ARGUMENT with the field's path in message and detail."""
    with pytest.raises(CallError) as caught:
        parse_search(request_, "photos")
    assert caught.value.code.name == "INVALID_ARGUMENT"
    detail = caught.value.details[0]
    assert isinstance(detail, error_details_pb2.BadRequest)
    assert detail.field_violations[0].field == field
    assert caught.value.message.startswith(field + " ")


def test_twelve_hits_of_anything_are_the_default() -> None:
    """An otherwise empty search with a sketch: 12 hits, no filter, no payload."""
    search = parse_search(query(sketch=b"x"), "photos")
    assert isinstance(search.query.source, Picture)
    assert (search.query.source.kind, search.query.source.modality) == (
        Kind.SKETCH,
        Modality.SKETCH,
    )
    assert (search.limit, search.min_score, search.page_token, search.exact) == (
        12,
        None,
        "",
        False,
    )
    assert search.filter == Filter()


def test_a_photo_is_a_photo() -> None:
    """A photo's bytes are embedded as a photo."""
    source = parse_search(query(photo=b"x"), "photos").query.source
    assert isinstance(source, Picture)
    assert source.modality is Modality.PHOTO


def test_strokes_become_a_drawing() -> None:
    """Points, canvas and widths arrive as they were sent."""
    source = parse_search(strokes(width=3), "photos").query.source
    assert isinstance(source, Picture)
    assert source.content == Strokes(100, 50, (Stroke(((0, 0), (100, 50))),), 3)
    assert source.modality is Modality.SKETCH


@pytest.mark.parametrize(
    "other",
    [
        query(sketch=b"y"),
        query(photo=b"x"),
        query(sketch=b"x", liked_photo_ids=[ID]),
        query(sketch=b"x", disliked_photo_ids=[ID]),
        query(sketch=b"x", focus=pb.FOCUS_SHAPE),
        query(sketch=b"x", text="a"),
        query(text="a"),
        pb.SearchRequest(query=pb.Query(sketch=b"x"), filter=pb.Filter(classes=["a"])),
        pb.SearchRequest(query=pb.Query(sketch=b"x"), min_score=0.5),
        pb.SearchRequest(query=pb.Query(sketch=b"x"), exact=True),
        pb.SearchRequest(query=pb.Query(sketch=b"x"), no_collapse=True),
    ],
)
def test_what_changes_the_hits_changes_the_identity(other: pb.SearchRequest) -> None:
    """Searches whose hits may differ have different identities."""
    assert (
        parse_search(query(sketch=b"x"), "photos").identity
        != parse_search(other, "photos").identity
    )


def test_a_text_and_its_weight_are_part_of_the_identity() -> None:
    """A page of one text, or of one weight, is none of another's; 0.5 is what is meant by none."""
    asked = [
        parse_search(query(sketch=b"x", text=text, **weight), "photos").identity
        for text, weight in (("a", {}), ("a", {"text_weight": 0.25}), ("b", {}))
    ]
    assert len(set(asked)) == 3
    half = parse_search(query(sketch=b"x", text="a", text_weight=0.5), "photos").identity
    assert half == asked[0]


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("  a   red\n\tfox ", "a red fox"),
        ("lo\u0308we", "l\u00f6we"),
        ("\U0001f469\u200d\U0001f680", "\U0001f469\u200d\U0001f680"),
        (" " * 5000 + "x" * 1000, "x" * 1000),
    ],
)
def test_words_that_read_the_same_are_the_same_text(given: str, read: str) -> None:
    """White space is one blank, letters are composed; what joins signs stays."""
    found = parse_search(query(text=given), "photos").query
    assert found.kind is Kind.TEXT
    assert isinstance(found.text, Text)
    assert found.text.content == read


def test_another_gallery_has_another_identity() -> None:
    """A page token of one gallery is none of another."""
    asked = query(sketch=b"x")
    assert parse_search(asked, "photos").identity != parse_search(asked, "zoo").identity


def test_what_only_changes_the_page_keeps_the_identity() -> None:
    """Limit and include may change from page to page."""
    one = pb.SearchRequest(query=pb.Query(sketch=b"x"), limit=3)
    two = pb.SearchRequest(
        query=pb.Query(sketch=b"x"),
        limit=5,
        include=pb.Include(payload=True),
        page_token="t",  # noqa: S106 - no password
    )
    assert parse_search(one, "photos").identity == parse_search(two, "photos").identity


def test_a_drawing_without_strokes_is_called_empty() -> None:
    """Programs tell it by the reason, people by the words."""
    with pytest.raises(CallError, match=r"query\.strokes\.strokes is empty: nothing") as caught:
        parse_search(strokes(strokes=[]), "photos")
    assert caught.value.details[1].reason == "EMPTY"
