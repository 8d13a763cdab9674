"""`Query.focus` over real sockets: what of a query counts, with a fake encoder of three parts."""

import struct
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sketchzoo.parts import Emphasis, Focus, Layout
from sketchzoo.rpc import unavailable
from sketchzoo.search.v1 import search_pb2 as pb
from tests.contract.search_service.calls import Code, details, refused, sketch
from tests.unit.search_service.fake_encoder import PARTS, embedding_of
from tests.unit.search_service.fakes import Bench, bench, unknown_id

SUBJECT, BOTH, SHAPE = pb.FOCUS_SUBJECT, pb.FOCUS_BOTH, pb.FOCUS_SHAPE


def focused(focus: int, content: bytes = b"a cat", **rest: Any) -> pb.SearchRequest:
    return pb.SearchRequest(query=pb.Query(sketch=content, focus=focus), **rest)


def of(vector: Sequence[float], focus: Focus) -> Any:
    """Return the vector that a focus makes of one."""
    return pytest.approx(PARTS.focused(np.asarray(vector, np.float32), focus), abs=1e-6)


async def asked(server: Bench, query: pb.Query) -> tuple[float, ...]:
    """Search; return the vector that Qdrant was asked with."""
    await server.stub.Search(pb.SearchRequest(query=query), timeout=5)
    vector = server.reader.asked[-1][1].vector
    assert vector is not None
    return vector


async def test_a_focus_says_which_parts_of_a_drawing_count() -> None:
    """Each focus multiplies the one embedding by its factors; the drawing is embedded once."""
    async with bench(layout=PARTS) as server:
        vector = embedding_of(b"x", "model-a")
        for number, focus in ((SUBJECT, Focus.SUBJECT), (SHAPE, Focus.SHAPE)):
            assert await asked(server, pb.Query(sketch=b"x", focus=number)) == of(vector, focus)
        assert await asked(server, pb.Query(sketch=b"x", focus=BOTH)) == vector
        assert await asked(server, pb.Query(sketch=b"x")) == vector
        assert server.encoder.calls == 1


async def test_without_a_focus_the_model_s_default_is_meant() -> None:
    """A default whose factors differ shapes the query of whoever says nothing."""
    layout = replace(PARTS, default=Focus.SHAPE)
    async with bench(layout=layout) as server:
        vector = embedding_of(b"x", "model-a")
        assert await asked(server, pb.Query(sketch=b"x")) == of(vector, Focus.SHAPE)


@pytest.mark.parametrize(
    ("number", "score"), [(0, 0.625), (BOTH, 0.625), (SUBJECT, 0.75), (SHAPE, 0.55)]
)
async def test_each_focus_has_its_own_confident_score(number: int, score: float) -> None:
    """Scores of different mixtures do not compare."""
    async with bench(layout=PARTS) as server:
        answer = await server.stub.Search(focused(number), timeout=5)
        assert answer.confident_score == pytest.approx(score)


async def test_a_focus_without_calibration_states_no_score() -> None:
    """The model's own is that of the default focus alone."""
    focuses = {focus: Emphasis(told.factors) for focus, told in PARTS.focuses.items()}
    async with bench(layout=replace(PARTS, focuses=focuses)) as server:
        scores = [
            (await server.stub.Search(focused(number), timeout=5)).confident_score
            for number in (0, BOTH, SHAPE)
        ]
        assert scores == [0.625, 0.625, 0]


async def test_more_like_a_photo_is_focused_on_the_photo() -> None:
    """Its stored embedding is fetched and focused; the photo is not among its own hits."""
    async with bench(layout=PARTS) as server:
        known, (_, vector) = next(iter(server.reader.photos.items()))
        query = pb.Query(photo_id=known, focus=SHAPE)
        answer = await server.stub.Search(pb.SearchRequest(query=query), timeout=5)
        assert server.reader.asked[-1][1].vector == of(vector, Focus.SHAPE)
        assert len(answer.hits) == 12
        assert known not in {hit.photo_id for hit in answer.hits}
        assert server.encoder.calls == 0


async def test_liked_and_disliked_photos_are_focused_as_well() -> None:
    """Twice the mean of what is wanted less the mean of what is not, as Qdrant has it."""
    async with bench(layout=PARTS) as server:
        one, two, three = list(server.reader.photos)[:3]
        stored = {each: np.array(server.reader.photos[each][1]) for each in (one, two, three)}
        query = pb.Query(
            sketch=b"x", liked_photo_ids=[one, two], disliked_photo_ids=[three], focus=SUBJECT
        )
        answer = await server.stub.Search(pb.SearchRequest(query=query), timeout=5)
        wanted = [np.array(embedding_of(b"x", "model-a")), stored[one], stored[two]]
        average = 2 * np.mean(wanted, axis=0) - stored[three]
        assert server.reader.asked[-1][1].vector == of(average, Focus.SUBJECT)
        assert not {one, two, three} & {hit.photo_id for hit in answer.hits}
        alone = pb.Query(liked_photo_ids=[one], focus=SHAPE)
        assert await asked(server, alone) == of(stored[one], Focus.SHAPE)


async def test_a_focus_that_changes_nothing_fetches_no_photo() -> None:
    """With factors of 1 Qdrant looks photos up itself, as where a model has no focus."""
    async with bench(layout=PARTS) as server:
        one, two = list(server.reader.photos)[:2]
        query = pb.Query(photo_id=one, liked_photo_ids=[two], focus=BOTH)
        await server.stub.Search(pb.SearchRequest(query=query), timeout=5)
        nearest = server.reader.asked[-1][1]
        assert (nearest.vector, nearest.photo_id, nearest.liked) == (None, one, (two,))
        assert server.reader.fetched == []


async def test_a_ready_embedding_is_focused() -> None:
    """Of any length that its sender gave it."""
    async with bench(layout=PARTS) as server:
        values = [3 * value for value in embedding_of(b"x", "model-a")]
        packed = pb.Embedding(
            vector=struct.pack("<8f", *values), dimension=8, model_fingerprint="model-a"
        )
        query = pb.Query(embedding=packed, focus=SHAPE)
        assert await asked(server, query) == of(values, Focus.SHAPE)


async def test_the_embedding_that_is_answered_is_without_the_focus() -> None:
    """Sent back with the same focus it finds the same, and with another what that would."""
    async with bench(layout=PARTS) as server:
        include = pb.Include(query_embedding=True)
        first = await server.stub.Search(focused(SHAPE, include=include), timeout=5)
        vector = struct.unpack("<8f", first.query_embedding.vector)
        assert vector == embedding_of(b"a cat", "model-a")
        query = pb.Query(embedding=first.query_embedding, focus=SHAPE)
        again = await server.stub.Search(pb.SearchRequest(query=query), timeout=5)
        assert [hit.photo_id for hit in again.hits] == [hit.photo_id for hit in first.hits]


async def test_a_page_belongs_to_its_focus() -> None:
    """The pages of one focus are complete; its token is none of another's."""
    async with bench(layout=PARTS) as server:
        all_at_once = await server.stub.Search(focused(SHAPE, limit=40), timeout=5)
        found, token = [], ""
        while True:
            request = focused(SHAPE, limit=15, page_token=token)
            page = await server.stub.Search(request, timeout=5)
            found += [hit.photo_id for hit in page.hits]
            token = page.next_page_token
            if not token:
                break
            error = await refused(server.stub.Search(focused(SUBJECT, page_token=token), timeout=5))
            assert details(error)[0].field_violations[0].field == "page_token"
        assert found == [hit.photo_id for hit in all_at_once.hits]


async def test_a_page_belongs_to_what_its_focus_did() -> None:
    """A default that has come to mean something else begins its pages anew."""
    async with bench(layout=PARTS) as server:
        token = (await server.stub.Search(sketch(), timeout=5)).next_page_token
        server.encoder.layout = replace(PARTS, default=Focus.SHAPE)
        while True:
            answer = await server.stub.Search(sketch(), timeout=5)
            if answer.confident_score == pytest.approx(0.55):
                break
        error = await refused(server.stub.Search(sketch(page_token=token), timeout=5))
        assert details(error)[0].field_violations[0].field == "page_token"


@pytest.mark.parametrize(
    ("layout", "said"),
    [
        (None, "the model fake, which offers no focus"),
        (Layout.whole(8), "the model fake, which offers no focus"),
        (
            replace(PARTS, focuses={Focus.SUBJECT: Emphasis((1, 1, 0))}, default=Focus.SUBJECT),
            "which offers FOCUS_SUBJECT",
        ),
    ],
)
async def test_a_focus_that_the_model_lacks_is_unimplemented(
    layout: Layout | None, said: str
) -> None:
    """UNIMPLEMENTED names the field and what the model offers; nothing is embedded."""
    async with bench(layout=layout) as server:
        error = await refused(server.stub.Search(focused(SHAPE), timeout=5))
        assert error.code() is Code.UNIMPLEMENTED
        assert said in str(error.details())
        assert details(error)[0].field_violations[0].field == "query.focus"
        assert details(error)[1].reason == "NO_FOCUS"
        assert server.encoder.calls == 0
        count = server.metric("sketchzoo_search_queries_total", kind="sketch", code="UNIMPLEMENTED")
        assert count == 1


async def test_an_unknown_photo_with_a_focus_is_not_found() -> None:
    """As without one, and its batch goes on."""
    async with bench(layout=PARTS) as server:
        missing, known = unknown_id(), next(iter(server.reader.photos))
        requests = [
            pb.SearchRequest(query=pb.Query(photo_id=each, focus=SHAPE))
            for each in (missing, known)
        ]
        batch = pb.BatchSearchRequest(requests=[*requests, focused(SUBJECT)])
        results = (await server.stub.BatchSearch(batch, timeout=5)).results
        assert results[0].status.code == Code.NOT_FOUND.value[0]
        assert missing in results[0].status.message
        assert all(result.response.hits for result in results[1:])
        assert server.reader.fetched == [(missing, known)]


async def test_a_batch_and_a_live_search_take_a_focus() -> None:
    """Of a batch what the model cannot do fails its own search; a drawing's focus may change."""
    async with bench(layout=PARTS) as server:
        live = server.stub.LiveSearch(
            iter_of(
                pb.LiveSearchRequest(sequence=0, request=focused(SHAPE)),
            ),
            timeout=5,
        )
        answers = [answer async for answer in live]
        assert [answer.response.confident_score for answer in answers] == [pytest.approx(0.55)]
    async with bench() as server:
        batch = pb.BatchSearchRequest(requests=[focused(SHAPE), sketch()])
        one, two = (await server.stub.BatchSearch(batch, timeout=5)).results
        assert one.status.code == Code.UNIMPLEMENTED.value[0]
        assert two.response.hits


async def iter_of(*requests: pb.LiveSearchRequest) -> Any:
    for request in requests:
        yield request


async def test_a_gallery_tells_what_it_can_be_asked() -> None:
    """Focuses with the default first, and whether it takes text, also while the encoder is away."""
    async with bench(layout=PARTS, text="tower") as server:
        told = await server.stub.GetGallery(pb.GetGalleryRequest(), timeout=5)
        assert list(told.focuses) == [BOTH, SUBJECT, SHAPE]
        assert told.takes_text
        server.encoder.error = unavailable("the encoder", "a test wants it so")
        await server.until_ready(state=False)
        assert await server.stub.GetGallery(pb.GetGalleryRequest(), timeout=5) == told
    async with bench() as server:
        told = await server.stub.GetGallery(pb.GetGalleryRequest(), timeout=5)
        assert (list(told.focuses), told.takes_text) == ([], False)


async def test_a_gallery_of_another_model_tells_nothing_of_this_one_s() -> None:
    """What the served model can do is no news of a gallery that another made."""
    async with bench(layout=PARTS, text="tower") as server:
        other = server.reader.beside("other")
        other.fingerprint = "model-b"
        told = await server.stub.GetGallery(pb.GetGalleryRequest(gallery="other"), timeout=5)
        assert (list(told.focuses), told.takes_text) == ([], False)
