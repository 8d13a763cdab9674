"""Queries: the user's words as messages."""

import io
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from search_service.request import parse_search
from sketchzoo import qdrant
from sketchzoo.client import Embedding, Hit, PhotoFile, Query, Range, Stroke, Strokes
from sketchzoo.qdrant import AnyOf
from tests.artefacts import picture

ID = "0f8fad5b-d9cb-469f-a165-70867728950e"


def test_importing_the_client_loads_neither_grpc_nor_pillow() -> None:
    """Who only reads results or catches errors pays for neither."""
    code = (
        "import sys, sketchzoo.client as c; c.Query; c.SearchError;"
        "assert not {'grpc', 'PIL', 'numpy', 'torch'} & set(sys.modules), 'loaded';"
        "c.Client; assert 'grpc' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_who_searches_does_not_load_what_serves() -> None:
    """Settings, server and event loop of the services cost a third of the rest."""
    code = (
        "import sys, sketchzoo.client as c; c.Client, c.AsyncClient;"
        "serving = {'sketchzoo.rpc.server', 'sketchzoo.settings', 'pydantic_settings', 'uvloop'};"
        "assert not serving & set(sys.modules), serving & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """The lazy module fails as any module does."""
    import sketchzoo.client  # noqa: PLC0415 - only here

    with pytest.raises(AttributeError, match="Clients"):
        _ = sketchzoo.client.Clients  # type: ignore[attr-defined] # that is the test


def test_a_picture_is_a_path_bytes_or_a_pillow_image(tmp_path: Path) -> None:
    """All three become an image file's bytes; the Pillow image losslessly."""
    content = picture(1)
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    assert Query(path).message().query.sketch == content
    assert Query(str(path)).message().query.sketch == content
    assert Query(content).message().query.sketch == content
    assert Query(photo=path).message().query.photo == content
    with Image.open(path) as image:
        sent = Query(image).message().query.sketch
        with Image.open(io.BytesIO(sent)) as again:
            assert again.tobytes() == image.tobytes()


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    """The file is named as Python names it."""
    with pytest.raises(FileNotFoundError, match="no-such"):
        Query(tmp_path / "no-such.png").message()


def test_strokes_travel_as_strokes() -> None:
    """Whole coordinates go unchanged."""
    drawing = Strokes(100, 50, (Stroke(((0, 0), (100, 50)), 2.0),), 1.5)
    sent = Query(drawing).message().query.strokes
    assert (sent.canvas_width, sent.canvas_height, sent.width) == (100, 50, 1.5)
    assert (list(sent.strokes[0].x), list(sent.strokes[0].y)) == ([0, 100], [0, 50])
    assert sent.strokes[0].width == 2.0


finite = st.floats(-10, 80_000)


@given(
    st.floats(1, 65_535),
    st.floats(1, 65_535),
    st.lists(st.lists(st.tuples(finite, finite), min_size=1, max_size=5), min_size=1, max_size=5),
)
def test_any_drawing_becomes_one_that_the_service_takes(
    width: float, height: float, lines: list[list[tuple[float, float]]]
) -> None:
    """Fractions, tiny canvases and pens outside of them arrive on the canvas, in proportion."""
    drawing = Strokes(width, height, tuple(Stroke(tuple(line)) for line in lines))
    message = Query(drawing).message()
    parse_search(message, "photos")
    sent = message.query.strokes
    scale = sent.canvas_width / width
    for line, stroke in zip(lines, sent.strokes, strict=True):
        for (x, _), arrived in zip(line, stroke.x, strict=True):
            inside = min(max(x, 0), width)
            # Rounded to the grid, and the canvas rounded up to it.
            assert abs(arrived - inside * scale) <= 1 + inside / width


def test_everything_asked_is_in_the_message() -> None:
    """Each field of a query has its place."""
    message = Query(
        photo_id=ID,
        text=" a red\nfox",
        text_weight=0.25,
        focus="shape",
        liked=[ID],
        disliked=[ID],
        classes=["cat"],
        excluded_classes=["dog"],
        where={"licence": "CC BY", "year": [1999, 2000], "tame": True, "iso": Range(gte=100)},
        limit=5,
        min_score=0.5,
        page_token="next",  # noqa: S106 - no password
        exact=True,
        include_payload=True,
        include_embedding=True,
    ).message()
    search = parse_search(message, "photos")
    assert (search.query.liked, search.query.disliked, search.limit) == ((ID,), (ID,), 5)
    assert search.query.text is not None
    assert (search.query.text.content, search.query.text_weight) == ("a red fox", 0.25)
    assert search.query.focus == "shape"
    assert (search.filter.classes, search.filter.excluded_classes) == (("cat",), ("dog",))
    licence, year, tame, iso = search.filter.fields
    tests = [each.test for each in (licence, year, tame, iso)]
    assert tests == ["CC BY", AnyOf((1999, 2000)), True, qdrant.Range(gte=100)]
    assert (search.min_score, search.page_token, search.exact) == (0.5, "next", True)
    assert search.with_payload
    assert search.with_embedding


def test_what_is_not_said_is_not_sent() -> None:
    """Without text and focus a message is as it always was."""
    query = Query(photo_id=ID).message().query
    assert not query.HasField("text_weight")
    assert [field.name for field, _ in query.ListFields()] == ["photo_id"]


def test_an_embedding_travels_packed() -> None:
    """Values as little-endian float32, with their model."""
    sent = Query(embedding=Embedding((1.0, 0.5), "m")).message().query.embedding
    assert sent.vector == struct.pack("<2f", 1.0, 0.5)
    assert (sent.dimension, sent.model_fingerprint) == (2, "m")


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({}, ValueError),
        ({"disliked": [ID]}, ValueError),
        ({"sketch": b"x", "photo_id": ID}, ValueError),
        ({"sketch": b"x", "photo": b"y"}, ValueError),
        ({"sketch": b"x", "limits": 5}, TypeError),
        ({"text": " \n"}, ValueError),
        ({"text": "x" * 1001}, ValueError),
        ({"text": b"cat"}, TypeError),
        ({"text": "cat", "text_weight": 0.5}, ValueError),
        ({"text": "cat", "liked": [ID], "text_weight": 0.5}, ValueError),
        ({"sketch": b"x", "text_weight": 0.5}, ValueError),
        ({"sketch": b"x", "text": "cat", "text_weight": 1.5}, ValueError),
        ({"sketch": b"x", "focus": "pose"}, ValueError),
        ({"sketch": b"x", "focus": 3}, TypeError),
    ],
)
def test_nonsense_is_refused_before_it_is_sent(
    values: dict[str, Any], error: type[Exception]
) -> None:
    """No source, two sources, a name that is none, words that are none, a weight of nothing."""
    with pytest.raises(error):
        Query(**values)


def test_a_range_needs_a_bound() -> None:
    """An interval without ends is refused."""
    with pytest.raises(ValueError, match="at least one"):
        Range()


def test_a_photo_with_odd_notes_opens_without_a_word() -> None:
    """Pillow warns of damaged EXIF; warnings are errors here."""
    odd = b"Exif\0\0MM\0*\0\0\0\x08\0\x01" + struct.pack(">HHII", 300, 2, 2**31, 9)
    file = io.BytesIO()
    Image.new("L", (8, 8)).save(file, "JPEG", exif=odd)
    photo = Hit("id", "cat", 0.0, "file:///cat.jpg", 8, 8, {})
    assert PhotoFile(file.getvalue(), "image/jpeg", photo).open().size == (8, 8)
