"""`BatchSearch` over real sockets."""

import asyncio

import grpc
import grpc.aio
import pytest

from sketchzoo.rpc import exhausted, unavailable
from sketchzoo.search.v1 import search_pb2 as pb
from tests.unit.search_service.fakes import bench, unknown_id


def sketch(content: bytes) -> pb.SearchRequest:
    return pb.SearchRequest(query=pb.Query(sketch=content), limit=3)


async def test_embeds_all_images_in_one_call_and_asks_the_gallery_once() -> None:
    """Three sketches, two of them equal, and a photo: one Embed of three images, one query."""
    async with bench() as server:
        requests = [
            sketch(b"one"),
            sketch(b"two"),
            sketch(b"one"),
            pb.SearchRequest(query=pb.Query(photo=b"three")),
        ]
        answer = await server.stub.BatchSearch(pb.BatchSearchRequest(requests=requests), timeout=5)
        single = await server.stub.Search(sketch(b"two"), timeout=5)
        assert server.encoder.calls == 1
        assert server.encoder.embedded == [b"one", b"two", b"three"]
        assert server.reader.calls == 2  # the batch's, and the single search's
        first, second, third, fourth = (result.response for result in answer.results)
        assert list(first.hits) == list(third.hits) != list(second.hits)
        assert list(second.hits) == list(single.hits)
        assert len(fourth.hits) == 12
        assert first.timings.encode.nanos == 1_000_000


async def test_each_search_has_its_own_result_or_status() -> None:
    """Bad images, bad requests and unknown photos fail alone, each as Search would."""
    async with bench() as server:
        missing = unknown_id()
        requests = [
            sketch(b"good"),
            sketch(b"bad"),
            pb.SearchRequest(),
            pb.SearchRequest(query=pb.Query(photo_id=missing)),
            pb.SearchRequest(query=pb.Query(photo_id=next(iter(server.reader.photos)))),
        ]
        answer = await server.stub.BatchSearch(pb.BatchSearchRequest(requests=requests), timeout=5)
        good, bad, empty, unknown, known = answer.results
        assert len(good.response.hits) == 3
        assert len(known.response.hits) == 12
        codes = [result.status.code for result in (bad, empty, unknown)]
        assert codes == [3, 3, 5]
        assert bad.status.message.startswith("query.sketch")
        assert missing in unknown.status.message


async def test_a_page_of_each_search_can_be_turned() -> None:
    """Tokens of a batch's answers go on in a batch and in Search."""
    async with bench() as server:
        request = sketch(b"one")
        batch = pb.BatchSearchRequest(requests=[request])
        (first,) = (await server.stub.BatchSearch(batch, timeout=5)).results
        batch.requests[0].page_token = request.page_token = first.response.next_page_token
        (second,) = (await server.stub.BatchSearch(batch, timeout=5)).results
        single = await server.stub.Search(request, timeout=5)
        assert list(second.response.hits) == list(single.hits)
        assert not {hit.photo_id for hit in first.response.hits} & {
            hit.photo_id for hit in single.hits
        }


@pytest.mark.parametrize("count", [0, 65])
async def test_takes_1_to_64_searches(count: int) -> None:
    """None, or more than 64, is INVALID_ARGUMENT for the whole call."""
    async with bench() as server:
        batch = pb.BatchSearchRequest(requests=[sketch(b"x")] * count)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await server.stub.BatchSearch(batch, timeout=5)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert (caught.value.details() or "").startswith("requests")


async def test_what_fails_all_fails_the_call() -> None:
    """An encoder that is away or full, or a gallery that is away, is the call's own status."""
    async with bench(check_seconds=30.0) as server:
        batch = pb.BatchSearchRequest(requests=[sketch(b"x"), sketch(b"y")])
        server.encoder.error = exhausted("the queue is full", 0.1)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await server.stub.BatchSearch(batch, timeout=5)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        server.encoder.error = None
        server.reader.error = unavailable("Qdrant", "gone")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await server.stub.BatchSearch(batch, timeout=5)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_follows_a_gallery_that_changes() -> None:
    """A model that changed between two looks: the batch starts anew with the new one."""
    async with bench(check_seconds=30.0) as server:
        server.encoder.fingerprint = server.reader.fingerprint = "model-b"
        batch = pb.BatchSearchRequest(requests=[sketch(b"x"), sketch(b"y")])
        answer = await server.stub.BatchSearch(batch, timeout=5)
        assert {result.response.model_fingerprint for result in answer.results} == {"model-b"}
        assert {collection for collection, _ in server.reader.asked} == {"photos-model-b"}


async def test_follows_the_alias_when_the_old_collection_is_dropped() -> None:
    """A collection dropped between two looks costs a second try, whatever the queries name."""
    async with bench(check_seconds=30.0) as server:
        server.reader.missing.add("photos-model-a")
        server.encoder.fingerprint = server.reader.fingerprint = "model-b"
        known = pb.SearchRequest(query=pb.Query(photo_id=next(iter(server.reader.photos))))
        batch = pb.BatchSearchRequest(requests=[known, known])
        answer = await server.stub.BatchSearch(batch, timeout=5)
        assert {result.response.model_fingerprint for result in answer.results} == {"model-b"}


async def test_a_batch_of_failures_asks_nobody() -> None:
    """Searches that are refused before they are asked cost no call to the gallery."""
    async with bench() as server:
        batch = pb.BatchSearchRequest(requests=[sketch(b"bad"), pb.SearchRequest()])
        answer = await server.stub.BatchSearch(batch, timeout=5)
        assert [result.status.code for result in answer.results] == [3, 3]
        assert server.reader.calls == 0


async def test_equal_batches_at_one_time_share_their_embeddings() -> None:
    """Two callers with the same sketches cost one call to the encoder; one may go."""
    async with bench() as server:
        server.encoder.seconds = 0.2
        batch = pb.BatchSearchRequest(requests=[sketch(b"x"), sketch(b"y")])
        first = server.stub.BatchSearch(batch, timeout=5)
        second = server.stub.BatchSearch(batch, timeout=5)
        await server.joined(2)
        first.cancel()
        assert all(result.response.hits for result in (await second).results)
        assert (server.encoder.calls, server.encoder.cancelled) == (1, 0)


async def test_a_cancelled_batch_cancels_the_encoders_work() -> None:
    """The caller who goes takes the call to the encoder along."""
    async with bench() as server:
        server.encoder.seconds = 30
        batch = pb.BatchSearchRequest(requests=[sketch(b"x"), sketch(b"y")])
        call = server.stub.BatchSearch(batch, timeout=60)
        while not server.encoder.running:  # noqa: ASYNC110 - a counter has no event
            await asyncio.sleep(0.005)
        call.cancel()
        while not server.encoder.cancelled:  # noqa: ASYNC110 - a counter has no event
            await asyncio.sleep(0.005)
        assert server.reader.asked == []
