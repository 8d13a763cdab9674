"""`Search` over real sockets, between a fake encoder and a fake gallery."""

import asyncio
import struct
from typing import Any

import pytest
from grpc_health.v1 import health_pb2

from sketchzoo.encoder.v1 import encoder_pb2
from sketchzoo.search.v1 import search_pb2 as pb
from tests.contract.search_service.calls import Code, details, health, refused, sketch
from tests.unit.search_service.fake_encoder import embedding_of
from tests.unit.search_service.fake_reader import photo
from tests.unit.search_service.fakes import bench, unknown_id

STROKES = pb.Strokes(
    canvas_width=100, canvas_height=100, strokes=[pb.Stroke(x=[10, 90], y=[10, 90])]
)


async def test_answers_the_nearest_photos_best_first() -> None:
    """A sketch gets twelve hits with classes, scores, uris and sizes, best first."""
    async with bench() as server:
        answer = await server.stub.Search(sketch(), timeout=5)
    assert len(answer.hits) == 12
    scores = [hit.score for hit in answer.hits]
    assert scores == sorted(scores, reverse=True)
    first = answer.hits[0]
    assert first.class_name in ("cat", "dog", "owl")
    assert (first.width, first.height) == (640, 480)
    assert first.uri.startswith("file:///nowhere/")
    assert not first.HasField("payload")
    assert answer.model_fingerprint == "model-a"
    assert answer.confident_score == 0.625


async def test_tells_where_the_time_went() -> None:
    """The stages come from the encoder and from the clock; total covers them, the cache none."""
    async with bench() as server:
        server.reader.seconds = 0.02
        first = (await server.stub.Search(sketch(), timeout=5)).timings
        again = (await server.stub.Search(sketch(), timeout=5)).timings
        assert first.decode.nanos >= 1_000_000
        assert (first.queue.nanos, first.encode.nanos) == (2_000_000, 3_000_000)
        assert first.query.ToTimedelta().total_seconds() >= 0.02
        assert first.total.ToTimedelta() >= first.query.ToTimedelta()
        assert not first.cached
        assert again.cached
        assert (again.decode.nanos, again.queue.nanos, again.encode.nanos) == (0, 0, 0)
        assert server.encoder.calls == 1
        count = "sketchzoo_search_stage_seconds_count"
        assert server.metric(count, stage="encode") == 1
        assert server.metric(count, stage="query") == 2
        assert server.metric("sketchzoo_search_cache_total", outcome="hit") == 1
        assert server.metric("sketchzoo_search_queries_total", kind="sketch", code="OK") == 2


@pytest.mark.parametrize(
    ("query", "modality"),
    [
        (pb.Query(sketch=b"x"), encoder_pb2.MODALITY_SKETCH),
        (pb.Query(photo=b"x"), encoder_pb2.MODALITY_PHOTO),
        (pb.Query(strokes=STROKES), encoder_pb2.MODALITY_SKETCH),
    ],
)
async def test_embeds_pictures_by_their_modality(query: pb.Query, modality: int) -> None:
    """Sketches and strokes are embedded as sketches, photos as photos."""
    async with bench() as server:
        answer = await server.stub.Search(pb.SearchRequest(query=query), timeout=5)
        assert answer.hits
        assert server.encoder.modalities == [modality]


async def test_a_sketch_and_a_photo_of_the_same_bytes_are_different_queries() -> None:
    """The cache keeps modalities apart."""
    async with bench() as server:
        await server.stub.Search(pb.SearchRequest(query=pb.Query(sketch=b"x")), timeout=5)
        await server.stub.Search(pb.SearchRequest(query=pb.Query(photo=b"x")), timeout=5)
        assert server.encoder.calls == 2


async def test_strokes_reach_the_encoder_as_an_image() -> None:
    """Strokes are drawn: the encoder gets a PGM file, the same for the same strokes."""
    async with bench() as server:
        for _ in range(2):
            await server.stub.Search(pb.SearchRequest(query=pb.Query(strokes=STROKES)), timeout=5)
        (image,) = server.encoder.embedded
        assert image.startswith(b"P5\n256 256\n255\n")
        assert 0 in image[15:]


async def test_more_like_a_photo_leaves_the_photo_out() -> None:
    """A photo_id query answers other photos only, and asks no encoder."""
    async with bench() as server:
        known = next(iter(server.reader.photos))
        answer = await server.stub.Search(
            pb.SearchRequest(query=pb.Query(photo_id=known.upper())), timeout=5
        )
        assert len(answer.hits) == 12
        assert known not in {hit.photo_id for hit in answer.hits}
        assert server.encoder.calls == 0


async def test_an_answered_embedding_finds_the_same() -> None:
    """The embedding of one answer, sent back, gets the same hits without the encoder."""
    async with bench() as server:
        asked = sketch(include=pb.Include(query_embedding=True, payload=True))
        first = await server.stub.Search(asked, timeout=5)
        assert first.query_embedding.dimension == 8
        assert first.hits[0].payload["class"] == first.hits[0].class_name
        again = await server.stub.Search(
            pb.SearchRequest(query=pb.Query(embedding=first.query_embedding)), timeout=5
        )
        assert [hit.photo_id for hit in again.hits] == [hit.photo_id for hit in first.hits]
        assert server.encoder.calls == 1


async def test_a_photos_embedding_can_be_asked_for() -> None:
    """More like this carries the photo's own embedding, in Search and in a batch."""
    async with bench() as server:
        known, (_, vector) = next(iter(server.reader.photos.items()))
        request = pb.SearchRequest(
            query=pb.Query(photo_id=known), include=pb.Include(query_embedding=True)
        )
        single = await server.stub.Search(request, timeout=5)
        batch = pb.BatchSearchRequest(requests=[request])
        (result,) = (await server.stub.BatchSearch(batch, timeout=5)).results
        for answer in (single, result.response):
            assert struct.unpack("<8f", answer.query_embedding.vector) == vector
            assert answer.query_embedding.model_fingerprint == "model-a"


async def test_liked_and_disliked_photos_go_to_the_gallery() -> None:
    """Refinement reaches Qdrant with the source's embedding; liked photos alone will do."""
    async with bench() as server:
        one, two, three = list(server.reader.photos)[:3]
        query = pb.Query(sketch=b"x", liked_photo_ids=[one, two], disliked_photo_ids=[three])
        answer = await server.stub.Search(pb.SearchRequest(query=query), timeout=5)
        asked = server.reader.asked[-1][1]
        assert (asked.liked, asked.disliked) == ((one, two), (three,))
        assert asked.vector == embedding_of(b"x", "model-a")
        assert not {one, two, three} & {hit.photo_id for hit in answer.hits}
        only = pb.SearchRequest(query=pb.Query(liked_photo_ids=[one]))
        assert len((await server.stub.Search(only, timeout=5)).hits) == 12


async def test_filter_scores_and_exactness_go_to_the_gallery() -> None:
    """Classes, conditions, min_score and exact shape the query; hits obey them."""
    async with bench() as server:
        request = sketch(
            filter=pb.Filter(
                classes=["cat", "dog"],
                excluded_classes=["dog"],
                fields=[pb.FieldCondition(field="number", range=pb.FieldRange(lt=20))],
            ),
            min_score=0.25,
            exact=True,
            include=pb.Include(payload=True),
        )
        answer = await server.stub.Search(request, timeout=5)
        assert answer.hits
        for hit in answer.hits:
            assert hit.class_name == "cat"
            assert hit.payload["number"] < 20
            assert hit.score >= 0.25
        assert server.reader.asked[-1][1].exact


async def test_how_wide_the_index_is_searched_is_the_operator_s_to_say() -> None:
    """`hnsw_ef` goes along with every query."""
    async with bench(hnsw_ef=1000) as server:
        await server.stub.Search(sketch(), timeout=5)
        assert server.reader.asked[-1][1].params.hnsw_ef == 1000


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.SearchRequest(), "query"),
        (sketch(b""), "query.sketch"),
        (sketch(b"bad"), "query.sketch"),
        (pb.SearchRequest(query=pb.Query(photo=b"bad")), "query.photo"),
        (sketch(limit=1001), "limit"),
        (sketch(min_score=1.5), "min_score"),
        (sketch(min_score=float("nan")), "min_score"),
        (sketch(page_token="nonsense"), "page_token"),  # noqa: S106 - no password
        (pb.SearchRequest(query=pb.Query(photo_id="12")), "query.photo_id"),
        (
            pb.SearchRequest(
                query=pb.Query(
                    embedding=pb.Embedding(
                        vector=b"\0\0\x80?", dimension=1, model_fingerprint="model-a"
                    )
                )
            ),
            "query.embedding.dimension",
        ),
    ],
)
async def test_names_the_field_that_is_wrong(request_: pb.SearchRequest, field: str) -> None:
    """INVALID_ARGUMENT carries a BadRequest with the field's path."""
    async with bench() as server:
        error = await refused(server.stub.Search(request_, timeout=5))
        assert error.code() is Code.INVALID_ARGUMENT
        (detail,) = details(error)
        assert detail.field_violations[0].field == field


async def test_bytes_that_are_no_message_are_the_callers_mistake() -> None:
    """Damaged bytes get INVALID_ARGUMENT, not gRPC's own INTERNAL."""
    async with bench() as server:
        for method in ("Search", "BatchSearch", "ListClasses", "GetPhoto"):
            call: Any = server.channel.unary_unary(f"/sketchzoo.search.v1.SearchService/{method}")
            error = await refused(call(b"\xff\xff\xff", timeout=5))
            assert error.code() is Code.INVALID_ARGUMENT


async def test_an_unknown_photo_is_not_found() -> None:
    """NOT_FOUND names the photo."""
    async with bench() as server:
        missing = unknown_id()
        request = pb.SearchRequest(query=pb.Query(photo_id=missing))
        error = await refused(server.stub.Search(request, timeout=5))
        assert error.code() is Code.NOT_FOUND
        assert missing in error.details()


async def test_an_embedding_of_another_model_is_refused() -> None:
    """FAILED_PRECONDITION with a reason: embeddings of two models are never compared."""
    async with bench() as server:
        vector = struct.pack("<8f", 1, *[0] * 7)
        query = pb.Query(
            embedding=pb.Embedding(vector=vector, dimension=8, model_fingerprint="model-b")
        )
        error = await refused(server.stub.Search(pb.SearchRequest(query=query), timeout=5))
        assert error.code() is Code.FAILED_PRECONDITION
        assert details(error)[0].reason == "MODEL_MISMATCH"


async def test_is_ready_only_while_model_and_gallery_match() -> None:
    """Health follows the encoder and the alias: away, another model, and back."""
    async with bench() as server:
        assert await health(server) == health_pb2.HealthCheckResponse.SERVING
        server.encoder.fingerprint = "model-b"
        await server.until_ready(state=False)
        assert await health(server) == health_pb2.HealthCheckResponse.NOT_SERVING
        error = await refused(server.stub.Search(sketch(), timeout=5))
        assert error.code() is Code.FAILED_PRECONDITION
        assert details(error)[0].reason == "MODEL_MISMATCH"
        server.reader.fingerprint = "model-b"
        await server.until_ready()
        answer = await server.stub.Search(sketch(), timeout=5)
        assert answer.model_fingerprint == "model-b"
        assert server.reader.asked[-1][0] == "photos-model-b"


async def test_a_gallery_that_is_not_there_yet_says_ingest_first() -> None:
    """Without an alias: NOT_SERVING, and FAILED_PRECONDITION that says what to do."""
    async with bench(ready=False) as server:
        from sketchzoo.rpc import precondition  # noqa: PLC0415 - only here

        server.reader.error = precondition("NO_GALLERY", "ingest photos first")
        await asyncio.sleep(0.2)
        error = await refused(server.stub.Search(sketch(), timeout=5))
        assert error.code() is Code.FAILED_PRECONDITION
        assert "ingest" in error.details()
        assert await health(server) == health_pb2.HealthCheckResponse.NOT_SERVING


async def test_never_mixes_the_vectors_of_two_models() -> None:
    """An encoder that changes between two looks: the search starts anew with both new."""
    async with bench(check_seconds=30.0) as server:
        server.encoder.fingerprint = "model-b"
        error = await refused(server.stub.Search(sketch(), timeout=5))
        assert error.code() is Code.FAILED_PRECONDITION
        assert server.reader.asked == []
    async with bench(check_seconds=30.0) as server:
        server.encoder.fingerprint = server.reader.fingerprint = "model-b"
        answer = await server.stub.Search(sketch(), timeout=5)
        assert answer.model_fingerprint == "model-b"
        collection, asked = server.reader.asked[-1]
        assert collection == "photos-model-b"
        assert asked.vector == embedding_of(b"a cat", "model-b")


async def test_follows_the_alias_when_the_old_collection_is_dropped() -> None:
    """A collection dropped between two looks costs a second try, not an error."""
    async with bench(check_seconds=30.0) as server:
        await server.stub.Search(sketch(b"warm"), timeout=5)
        server.reader.missing.add("photos-model-a")
        server.encoder.fingerprint = server.reader.fingerprint = "model-b"
        answer = await server.stub.Search(sketch(b"warm"), timeout=5)
        assert answer.model_fingerprint == "model-b"


async def test_the_request_id_goes_to_the_encoder() -> None:
    """What the caller named the request is what the encoder hears."""
    async with bench() as server:
        await server.stub.Search(sketch(), timeout=5, metadata=(("x-request-id", "abc-1"),))
        assert server.encoder.request_ids == ["abc-1"]


async def test_counts_hits_by_class_and_empty_answers() -> None:
    """Classes of hits, top scores and empty first pages are counted."""
    async with bench() as server:
        server.reader.add(photo(99, "yak"))
        await server.stub.Search(sketch(filter=pb.Filter(classes=["yak"])), timeout=5)
        await server.stub.Search(sketch(filter=pb.Filter(classes=["no such"])), timeout=5)
        assert server.metric("sketchzoo_search_class_hits_total", class_name="yak") == 1
        assert server.metric("sketchzoo_search_empty_total") == 1
        assert server.metric("sketchzoo_search_top_score_count") == 1
