"""Messages of the page and what becomes of them."""

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import Struct
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from live_demo.messages import SearchMessage, answer, failure, to_request
from sketchzoo.rpc import deadline_exceeded, exhausted, unavailable
from sketchzoo.search.v1 import search_pb2

STROKE = {"x": [1, 2], "y": [3, 4], "width": 5.5}
DRAWING = {"width": 100, "height": 200, "strokes": [STROKE]}
ID = "0f8fad5b-d9cb-569f-a165-70867728950e"


def ask(**changes: object) -> SearchMessage:
    return SearchMessage.model_validate(
        {"sequence": 1, "source": "drawing", "drawing": DRAWING} | changes
    )


def test_a_drawing_becomes_the_contracts_strokes() -> None:
    """Canvas, points and widths are those of the page."""
    request = to_request(ask(limit=24, classes=["cat"]), None, query_embedding=True)
    strokes = request.request.query.strokes
    assert (strokes.canvas_width, strokes.canvas_height) == (100, 200)
    assert (list(strokes.strokes[0].x), list(strokes.strokes[0].y)) == ([1, 2], [3, 4])
    assert strokes.strokes[0].width == 5.5
    assert request.request.limit == 24
    assert list(request.request.filter.classes) == ["cat"]
    assert request.request.include.query_embedding


def test_an_image_is_needed_before_it_is_searched() -> None:
    """A search for an image that never came says so."""
    plain = {"source": "sketch", "drawing": None}
    with pytest.raises(ValueError, match="send the image"):
        to_request(ask(**plain), None, query_embedding=False)
    request = to_request(ask(**plain), b"png", query_embedding=False)
    assert request.request.query.sketch == b"png"


@pytest.mark.parametrize(
    "changes",
    [
        {"drawing": None},
        {"source": "photo_id"},
        {"source": "photo"},
        {"photo_id": ID},
        {"sequence": 2**53},
        {"sequence": True},
        {"sequence": 1.5},
        {"limit": 0},
        {"liked": [ID] * 101},
        {"liked": ["x"]},
        {"page_token": "x" * 4097},
        {"drawing": DRAWING | {"width": 0}},
        {"drawing": DRAWING | {"height": 65_536}},
        {"drawing": DRAWING | {"strokes": [STROKE | {"width": -1}]}},
        {"drawing": DRAWING | {"strokes": [STROKE | {"width": float("nan")}]}},
        {"drawing": DRAWING | {"strokes": [STROKE | {"x": [1.5, 2]}]}},
        {"drawing": DRAWING | {"strokes": [STROKE | {"x": [1]}]}},
    ],
)
def test_what_contradicts_itself_or_the_limits_is_refused(changes: dict[str, object]) -> None:
    """Nothing of it reaches the search service."""
    with pytest.raises(ValidationError):
        ask(**changes)


@given(st.text() | st.binary())
def test_any_text_is_an_ask_or_refused(text: str | bytes) -> None:
    """No other error than the one that is handled."""
    with pytest.raises(ValidationError):
        SearchMessage.model_validate_json(text)


def test_words_and_focus_are_the_querys() -> None:
    """Beside a drawing with their weight, and alone with no other source."""
    query = to_request(
        ask(text="kitten", text_weight=0.7, focus="shape"), None, query_embedding=False
    ).request.query
    assert (query.text, query.focus) == ("kitten", search_pb2.FOCUS_SHAPE)
    assert query.text_weight == pytest.approx(0.7)
    assert query.WhichOneof("source") == "strokes"
    alone = to_request(
        ask(source="text", drawing=None, text="kitten"), None, query_embedding=False
    ).request.query
    assert alone.WhichOneof("source") is None
    assert not alone.HasField("text_weight")
    assert alone.focus == search_pb2.FOCUS_UNSPECIFIED


@pytest.mark.parametrize(
    "changes",
    [
        {"text": "x" * 1001},
        {"text_weight": 0.5},
        {"text": "cat", "text_weight": 1.1},
        {"text": "cat", "focus": "colour"},
        {"source": "text", "drawing": None},
        {"source": "text", "drawing": None, "text": "  "},
        {"source": "text", "text": "cat"},
        {"source": "text", "drawing": None, "text": "cat", "text_weight": 0.5},
    ],
)
def test_words_that_go_with_nothing_are_refused(changes: dict[str, object]) -> None:
    """As the search service would, but before it is asked."""
    with pytest.raises(ValidationError):
        ask(**changes)


def test_only_fields_that_the_page_shows_filter() -> None:
    """Whoever may ask whether a hidden field has a value finds out what it holds."""
    tag = {"field": "licence", "values": ["cc0", "CC0"]}
    asked = {"sequence": 1, "source": "drawing", "drawing": DRAWING, "tags": [tag]}
    message = SearchMessage.model_validate(asked, context={"licence"})
    condition = to_request(message, None, query_embedding=False).request.filter.fields[0]
    assert condition.field == "licence"
    assert [each.string_value for each in getattr(condition, "in").values] == ["cc0", "CC0"]
    for context in (None, {"author"}):
        with pytest.raises(ValidationError, match=r"tags\.0\.field"):
            SearchMessage.model_validate(asked, context=context)


def test_an_answer_has_milliseconds_and_only_listed_fields() -> None:
    """Unlisted and empty fields stay behind, long ones are cut."""
    payload = Struct()
    payload.update({"author": "A" * 400, "licence": "", "path": "/srv/x"})
    response = search_pb2.SearchResponse(
        hits=[search_pb2.Hit(photo_id=ID, class_name="cat", score=0.75, payload=payload)],
        timings=search_pb2.SearchTimings(total=Duration(seconds=1, nanos=2_340_000)),
        confident_score=0.6,
    )
    message = answer(7, response, ("author", "licence"))
    assert message["milliseconds"]["total"] == 1002.34
    assert message["hits"][0]["about"] == {"author": "A" * 300}
    assert message["hits"][0]["score"] == 0.75
    assert (message["sequence"], message["confident_score"]) == (7, 0.6)


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("https://photos.example/a.jpg?size=1#x", "https://photos.example/a.jpg?size=1#x"),
        ("http://[::1]:8000/a.jpg", "http://[::1]:8000/a.jpg"),
        ("https://me:secret@photos.example/a.jpg", None),
        ("https://me@photos.example/a.jpg", None),
        ("file:///srv/a.jpg", None),
        ("s3://bucket/a.jpg", None),
        ("javascript:alert(1)", None),
        ("https:///a.jpg", None),
        ("http://[", None),
        ("https://photos.example/" + "a" * 2000, None),
        ("/srv/a.jpg", None),
        ("", None),
    ],
)
def test_of_a_photos_uri_only_an_address_on_the_web_is_told(uri: str, address: str | None) -> None:
    """The link to its original; neither a path nor a password reaches the page."""
    response = search_pb2.SearchResponse(hits=[search_pb2.Hit(photo_id=ID, uri=uri)])
    assert answer(1, response, ())["hits"][0].get("original") == address


def test_a_failure_tells_what_is_away_and_when_to_come_back() -> None:
    """What a page needs to say it in words and to try again."""
    assert failure(3, unavailable("encoder", "gone"))["part"] == "encoder"
    assert failure(None, exhausted("full", 0.5))["retry_milliseconds"] == 500
    assert failure(3, deadline_exceeded("waiting"))["code"] == "DEADLINE_EXCEEDED"
