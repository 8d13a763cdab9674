"""Both clients over real sockets: against the search service, and against a fake one."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from sketchzoo.client import (
    DeadlineExceeded,
    Denied,
    InvalidRequest,
    NotFound,
    NotReady,
    Overloaded,
    Query,
    Range,
    SearchResult,
    Unavailable,
    Unsupported,
)
from sketchzoo.qdrant import Photo
from sketchzoo.rpc import exhausted
from tests.artefacts import picture
from tests.contract.client.clients import DRAWING, FakeSearch, fake
from tests.unit.search_service.fake_encoder import PARTS
from tests.unit.search_service.fakes import bench, unknown_id


async def test_finds_photos_for_every_kind_of_query(connect: Any, tmp_path: Path) -> None:
    """Path, bytes, strokes, photo, photo id, embedding and likes all get typed hits."""
    path = tmp_path / "cat.png"
    path.write_bytes(b"a drawing")
    async with bench() as server, connect(server.target) as client:
        first: SearchResult = await client.call(
            "search", path, classes=["cat"], include_payload=True, include_embedding=True
        )
        assert {hit.class_name for hit in first.hits} == {"cat"}
        assert len(first.hits) == 12
        best = first.hits[0]
        assert best.payload["number"] == int(best.payload["number"])
        assert (best.width, best.height) == (640, 480)
        assert first.model_fingerprint == "model-a"
        assert first.confident_score == 0.625
        assert first.timings.encode == pytest.approx(0.003)
        assert first.timings.total > 0
        same = await client.call("search", b"a drawing", classes=["cat"])
        assert [hit.photo_id for hit in same.hits] == [hit.photo_id for hit in first.hits]
        assert same.timings.cached
        again = await client.call("search", embedding=first.query_embedding, classes=["cat"])
        assert [hit.photo_id for hit in again.hits] == [hit.photo_id for hit in first.hits]
        for options in (
            {"sketch": DRAWING},
            {"photo": path},
            {"photo_id": best.photo_id},
            {"liked": [best.photo_id]},
            {"sketch": Query(b"x", limit=3), "limit": 12},
        ):
            assert len((await client.call("search", **options)).hits) == 12


async def test_finds_by_focus_and_by_words(connect: Any) -> None:
    """Of a drawing, of words, of both, in one search and in a batch."""
    async with bench(layout=PARTS, text="tower") as server, connect(server.target) as client:
        held = await client.call("get_gallery")
        assert held.focuses == ("both", "subject", "shape")
        assert held.takes_text
        shape = await client.call("search", b"x", focus="shape")
        assert shape.confident_score == pytest.approx(0.55)
        words = await client.call("search", text="a kitten")
        mixed = await client.call("search", DRAWING, text="a kitten", text_weight=0.9)
        assert len(words.hits) == len(mixed.hits) == 12
        queries = [Query(text="a kitten"), Query(b"x", focus="shape")]
        answers = await client.call("batch", queries)
        assert [answer.hits for answer in answers] == [words.hits, shape.hits]
        (live,) = await client.collect("live", client.drawings(Query(b"x", focus="shape")))
        assert live.result.hits == shape.hits


@pytest.mark.parametrize(
    ("asked", "field"), [({"text": "cat"}, "query.text"), ({"focus": "shape"}, "query.focus")]
)
async def test_what_the_model_cannot_do_is_an_error_of_its_own(
    connect: Any, asked: dict[str, str], field: str
) -> None:
    """Unsupported says which field asked for it, and what there is."""
    async with bench() as server, connect(server.target) as client:
        with pytest.raises(Unsupported, match="the model fake") as caught:
            await client.call("search", b"x", **asked)
        assert (caught.value.field, caught.value.code) == (field, "UNIMPLEMENTED")


async def test_filters_by_payload(connect: Any) -> None:
    """Conditions on payload fields hold for every hit."""
    async with bench() as server, connect(server.target) as client:
        where = {"number": Range(gte=10, lt=30), "tame": True}
        result = await client.call("search", b"x", where=where, include_payload=True, limit=100)
        numbers = sorted(hit.payload["number"] for hit in result.hits)
        assert numbers == [n for n in range(10, 30) if n % 3 < 2]


async def test_turns_pages_to_the_end(connect: Any) -> None:
    """`pages` yields every hit of the gallery once, best first, in pages of the limit."""
    async with bench() as server, connect(server.target) as client:
        pages = await client.collect("pages", b"x", limit=15)
        assert [len(page.hits) for page in pages] == [15, 15, 10]
        hits = [hit for page in pages for hit in page.hits]
        assert len({hit.photo_id for hit in hits}) == 40
        assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)


async def test_answers_a_batch_with_results_and_errors(connect: Any) -> None:
    """Each query of a batch has its own outcome."""
    async with bench() as server, connect(server.target) as client:
        queries = [b"x", Query(photo_id=unknown_id()), Query(b"bad"), DRAWING]
        good, unknown, bad, drawn = await client.call("batch", queries)
        assert len(good.hits) == len(drawn.hits) == 12
        assert isinstance(unknown, NotFound)
        assert isinstance(bad, InvalidRequest)
        assert bad.field == "query.sketch"


async def test_answers_drawings_live(connect: Any) -> None:
    """The newest drawing is answered; a refused one is an answer with its error."""
    async with bench() as server, connect(server.target) as client:
        answers = await client.collect("live", client.drawings(DRAWING))
        assert [answer.sequence for answer in answers] == [0]
        assert len(answers[0].result.hits) == 12
        (refused,) = await client.collect("live", client.drawings(Query(b"bad")))
        assert isinstance(refused.error, InvalidRequest)
        assert refused.result is None


@pytest.mark.parametrize(
    "ends",
    [
        {"max_connection_age_seconds": 0.3, "connection_grace_seconds": 0.1},
        {"stream_idle_seconds": 0.05},
    ],
    ids=["connections of age", "idle streams"],
)
async def test_a_live_search_outlasts_its_streams(connect: Any, ends: dict[str, float]) -> None:
    """Where the service ends one in good order, the next drawing goes over another."""
    async with bench(**ends) as server, connect(server.target) as client:
        drawings = client.drawings(*[DRAWING] * 12, pause=0.1)
        answers = await client.collect("live", drawings, timeout=20)
    assert [answer.error for answer in answers] == [None] * len(answers)
    numbers = [answer.sequence for answer in answers]
    assert numbers == sorted(set(numbers))
    # On a slow machine one may overtake another.
    assert numbers[-1] == 11
    assert len(numbers) > 6


async def test_a_live_search_says_that_the_service_is_away(connect: Any) -> None:
    """It is not tried again without end."""
    async with bench() as server, connect(server.target) as client:
        pass
    async with connect(server.target) as client:
        with pytest.raises(Unavailable):
            await client.collect("live", client.drawings(DRAWING, DRAWING), timeout=20)


async def test_a_drawing_that_is_none_ends_a_live_search(connect: Any) -> None:
    """Its own error is raised, whichever thread or task took it."""
    async with bench() as server, connect(server.target) as client:
        with pytest.raises(TypeError):
            await client.collect("live", client.drawings(DRAWING, object()), timeout=20)


async def test_lists_classes_and_gets_photos(connect: Any, tmp_path: Path) -> None:
    """Classes as a dict; a photo as bytes, a file or a Pillow image."""
    content = picture(3)
    (tmp_path / "a.jpg").write_bytes(content)
    async with bench(gallery_roots=(tmp_path,)) as server, connect(server.target) as client:
        assert await client.call("classes") == {"cat": 14, "dog": 13, "owl": 13}
        assert await client.call("classes", where={"number": Range(lt=3)}) == {
            "cat": 1,
            "dog": 1,
            "owl": 1,
        }
        digest = hashlib.sha256(content).hexdigest()
        known = Photo("yak", (tmp_path / "a.jpg").as_uri(), digest, 64, 48)
        photo_id = server.reader.add(known)
        original = await client.call("photo", photo_id, original=True)
        assert original.content == content
        assert original.photo.class_name == "yak"
        small = await client.call("photo", photo_id, max_side=16)
        assert small.open().size == (16, 12)
        small.save(tmp_path / "small.jpg")
        assert (tmp_path / "small.jpg").read_bytes() == small.content
        with pytest.raises(NotFound):
            await client.call("photo", unknown_id())
        with pytest.raises(NotReady) as caught:
            await client.call("photo", next(iter(server.reader.photos)))
        assert caught.value.reason == "OUTSIDE_GALLERY"


async def test_names_the_wrong_field_and_the_request(connect: Any) -> None:
    """An InvalidRequest has the field's path and the id that the logs know."""
    async with bench() as server, connect(server.target) as client:
        with pytest.raises(InvalidRequest) as caught:
            await client.call("search", photo_id="no id")
        assert caught.value.field == "query.photo_id"
        assert caught.value.code == "INVALID_ARGUMENT"
        assert caught.value.request_id
        assert caught.value.request_id in str(caught.value)


async def test_comes_back_when_it_was_told_to(connect: Any) -> None:
    """Two refusals with a time are obeyed; the third answer is the result."""
    servicer = FakeSearch(exhausted("full", 0.02), exhausted("full", 0.02))
    async with fake(servicer) as target, connect(target) as client:
        assert (await client.call("search", b"x")).model_fingerprint == "m"
        assert servicer.calls == 3


async def test_gives_up_after_its_retries(connect: Any) -> None:
    """More refusals than retries end in Overloaded with the time to wait."""
    servicer = FakeSearch(*[exhausted("full", 0.02)] * 5)
    async with fake(servicer) as target, connect(target, retries=1) as client:
        with pytest.raises(Overloaded) as caught:
            await client.call("search", b"x")
        assert caught.value.retry_after == 0.02
        assert servicer.calls == 2


async def test_every_call_has_a_deadline(connect: Any) -> None:
    """The client's by default, the call's own where given; retries share it."""
    # A pause that shows: gRPC rounds deadlines on the wire.
    servicer = FakeSearch(exhausted("full", 0.3))
    async with fake(servicer) as target, connect(target, timeout=7.0) as client:
        await client.call("search", b"x")
        await client.call("search", b"x", timeout=3.0)
        first, second, third = servicer.remaining
        assert 5 < second < first < 7.5
        assert third < 3.5
        servicer.seconds = 30
        with pytest.raises(DeadlineExceeded):
            await client.call("search", b"x", timeout=0.1)


async def test_a_service_that_is_away_is_unavailable(connect: Any) -> None:
    """No server, no hang: Unavailable."""
    async with connect("127.0.0.1:1", timeout=5.0) as client:
        with pytest.raises(Unavailable):
            await client.call("search", b"x")
        with pytest.raises(Unavailable):
            await client.collect("live", client.drawings(b"x"))


async def test_sends_its_token(connect: Any) -> None:
    """With the token the call passes, without it is Denied."""
    async with fake(FakeSearch(), token=SecretStr("open sesame")) as target:
        async with connect(target, token="open sesame") as client:  # noqa: S106 - made up
            assert (await client.call("search", b"x")).model_fingerprint == "m"
        async with connect(target) as client:
            with pytest.raises(Denied):
                await client.call("search", b"x")
