"""`Query.text` over real sockets: words alone and beside a source, between two fakes."""

import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sketchzoo.parts import Emphasis, Focus, Layout
from sketchzoo.search.v1 import search_pb2 as pb
from tests.contract.search_service.calls import Code, details, refused, sketch
from tests.unit.search_service.fake_encoder import PARTS, embedding_of, text_of
from tests.unit.search_service.fakes import Bench, bench

SKETCH = np.array(embedding_of(b"x", "model-a"), np.float32)
KITTEN = np.array(text_of("kitten", "tower"), np.float32)


def words(text: str = "kitten", **rest: Any) -> pb.SearchRequest:
    return pb.SearchRequest(query=pb.Query(text=text, **rest))


async def asked(server: Bench, request: pb.SearchRequest) -> Any:
    """Search; return the vector that Qdrant was asked with, to be compared."""
    await server.stub.Search(request, timeout=5)
    return pytest.approx(server.reader.asked[-1][1].vector, abs=1e-6)


async def test_words_alone_are_a_query() -> None:
    """One call embeds them; the answer's score is the text tower's, its kind counted as text."""
    async with bench(layout=PARTS, text="tower") as server:
        answer = await server.stub.Search(words(), timeout=5)
        assert len(answer.hits) == 12
        assert server.reader.asked[-1][1].vector == pytest.approx(KITTEN)
        assert (server.encoder.texts, server.encoder.embedded) == (["kitten"], [])
        assert answer.confident_score == pytest.approx(0.6875)
        assert server.metric("sketchzoo_search_queries_total", kind="text", code="OK") == 1


async def test_a_drawing_and_words_are_embedded_in_one_call() -> None:
    """The class is mixed by weight, pose and layout are the drawing's."""
    async with bench(layout=PARTS, text="tower") as server:
        for weight in (0.0, 0.5, 1.0):
            request = words(sketch=b"x", text_weight=weight)
            assert await asked(server, request) == PARTS.blended(SKETCH, KITTEN, weight)
        assert await asked(server, words(sketch=b"x")) == PARTS.blended(SKETCH, KITTEN, 0.5)
        assert (server.encoder.calls, server.encoder.texts) == (1, ["kitten"])


async def test_words_mix_with_any_source() -> None:
    """A photo, a ready embedding, and a photo of the gallery, which is not among its own hits."""
    async with bench(layout=PARTS, text="tower") as server:
        known, (_, stored) = next(iter(server.reader.photos.items()))
        photo = np.array(stored, np.float32)
        given = pb.Embedding(
            vector=struct.pack("<8f", *(SKETCH * 7)), dimension=8, model_fingerprint="model-a"
        )
        assert await asked(server, words(photo=b"x")) == PARTS.blended(SKETCH, KITTEN, 0.5)
        assert await asked(server, words(embedding=given)) == PARTS.blended(SKETCH, KITTEN, 0.5)
        assert await asked(server, words(photo_id=known)) == PARTS.blended(photo, KITTEN, 0.5)
        assert known in server.reader.asked[-1][1].named


async def test_liked_photos_pull_a_text_too() -> None:
    """Words take the source's place beside liked and disliked photos."""
    async with bench(layout=PARTS, text="tower") as server:
        one, two = list(server.reader.photos)[:2]
        request = words(liked_photo_ids=[one], disliked_photo_ids=[two])
        assert await asked(server, request) == KITTEN
        nearest = server.reader.asked[-1][1]
        assert (nearest.liked, nearest.disliked) == ((one,), (two,))


async def test_a_focus_acts_on_what_words_and_drawing_make() -> None:
    """First mixed, then focused; on words alone, which tell no shape, it changes nothing."""
    async with bench(layout=PARTS, text="tower") as server:
        mixed = PARTS.blended(SKETCH, KITTEN, 0.5)
        request = words(sketch=b"x", focus=pb.FOCUS_SUBJECT)
        assert await asked(server, request) == PARTS.focused(mixed, Focus.SUBJECT)
        only_shape = replace(PARTS, focuses={Focus.SHAPE: Emphasis((0, 0, 1))}, default=Focus.SHAPE)
        server.encoder.layout = only_shape
        while True:
            vector = await asked(server, words(sketch=b"x", focus=pb.FOCUS_SHAPE))
            if vector == only_shape.focused(mixed, Focus.SHAPE):
                break
        assert await asked(server, words(focus=pb.FOCUS_SHAPE)) == KITTEN


async def test_where_a_model_has_one_part_words_mix_with_all_of_it() -> None:
    """As imported models are; so do they where an encoder tells of no parts."""
    for layout in (Layout.whole(8), None):
        async with bench(layout=layout, text="tower") as server:
            vector = await asked(server, words(sketch=b"x"))
            assert vector == Layout.whole(8).blended(SKETCH, KITTEN, 0.5)


async def test_the_same_words_are_embedded_once_for_each_tower() -> None:
    """The cache knows them by what they read, and by the tower that embeds them."""
    async with bench(layout=PARTS, text="tower") as server:
        for text in ("kitten", " kitten\n"):
            await server.stub.Search(words(text), timeout=5)
        assert (await server.stub.Search(words(), timeout=5)).timings.cached
        assert server.encoder.texts == ["kitten"]
        server.encoder.text = "tower-2"
        while len(server.encoder.texts) == 1:
            await server.stub.Search(words(), timeout=5)
        assert server.encoder.texts == ["kitten", "kitten"]


async def test_timings_are_of_drawing_and_words_together() -> None:
    """Where the words were known and the drawing was not, it was not from the cache."""
    async with bench(layout=PARTS, text="tower") as server:
        await server.stub.Search(words(), timeout=5)
        timings = (await server.stub.Search(words(sketch=b"x"), timeout=5)).timings
        assert (timings.cached, timings.encode.nanos) == (False, 3_000_000)
        timings = (await server.stub.Search(words(sketch=b"y", text="cat"), timeout=5)).timings
        assert timings.encode.nanos == 3_000_000
        assert (await server.stub.Search(words(sketch=b"y"), timeout=5)).timings.cached


async def test_the_embedding_of_drawing_and_words_finds_the_same() -> None:
    """What is answered is of both, so that it stands for the query."""
    async with bench(layout=PARTS, text="tower") as server:
        request = words(sketch=b"x")
        request.include.query_embedding = True
        first = await server.stub.Search(request, timeout=5)
        again = await server.stub.Search(
            pb.SearchRequest(query=pb.Query(embedding=first.query_embedding)), timeout=5
        )
        assert [hit.photo_id for hit in again.hits] == [hit.photo_id for hit in first.hits]
        request = words()
        request.include.query_embedding = True
        alone = (await server.stub.Search(request, timeout=5)).query_embedding
        assert struct.unpack("<8f", alone.vector) == pytest.approx(KITTEN)


async def test_words_that_the_encoder_refuses_are_the_query_s() -> None:
    """Its error names the search's own field."""
    async with bench(layout=PARTS, text="tower") as server:
        error = await refused(server.stub.Search(words("bad", sketch=b"x"), timeout=5))
        assert error.code() is Code.INVALID_ARGUMENT
        assert details(error)[0].field_violations[0].field == "query.text"
        assert "is no text" in str(error.details())


async def test_a_model_without_a_text_tower_takes_no_words() -> None:
    """UNIMPLEMENTED names the field and says what would do; nothing is embedded."""
    async with bench(layout=PARTS) as server:
        for request in (words(), words(sketch=b"x")):
            error = await refused(server.stub.Search(request, timeout=5))
            assert error.code() is Code.UNIMPLEMENTED
            assert "no text tower" in str(error.details())
            assert details(error)[0].field_violations[0].field == "query.text"
        assert server.encoder.calls == 0


async def test_a_tower_that_has_just_gone_is_unimplemented() -> None:
    """What the encoder itself says of a text is told by the search's own field."""
    async with bench(layout=PARTS, text="tower", check_seconds=30.0) as server:
        server.encoder.text = ""
        error = await refused(server.stub.Search(words(), timeout=5))
        assert error.code() is Code.UNIMPLEMENTED
        assert details(error)[0].field_violations[0].field == "query.text"


async def test_a_batch_of_drawings_and_words_fits_into_the_encoder_s_calls() -> None:
    """64 searches of both are 128 to embed, of which a call takes 64."""
    async with bench(layout=PARTS, text="tower") as server:
        requests = [words(f"word {n}", sketch=b"%d" % n) for n in range(64)]
        batch = pb.BatchSearchRequest(requests=requests)
        results = (await server.stub.BatchSearch(batch, timeout=10)).results
        assert all(result.response.hits for result in results)
        assert (len(server.encoder.embedded), len(server.encoder.texts)) == (64, 64)
        assert server.encoder.calls == 2


async def test_a_batch_s_own_faults_stay_with_their_searches() -> None:
    """Bad words spare the searches beside them."""
    async with bench(layout=PARTS, text="tower") as server:
        batch = pb.BatchSearchRequest(requests=[words("bad"), words(), sketch(b"x")])
        one, two, three = (await server.stub.BatchSearch(batch, timeout=5)).results
        assert one.status.code == Code.INVALID_ARGUMENT.value[0]
        assert two.response.hits
        assert three.response.hits


async def test_a_page_of_words_belongs_to_their_tower() -> None:
    """Another tower puts photos in another order, though no photo was embedded anew."""
    async with bench(layout=PARTS, text="tower") as server:
        token = (await server.stub.Search(words(), timeout=5)).next_page_token
        page = words()
        page.page_token = token
        assert (await server.stub.Search(page, timeout=5)).hits
        server.encoder.text = "tower-2"
        while len(server.encoder.texts) == 1:
            await server.stub.Search(words(), timeout=5)
        error = await refused(server.stub.Search(page, timeout=5))
        assert details(error)[0].field_violations[0].field == "page_token"
