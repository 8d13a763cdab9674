"""Search when a part is away, slow or full, and when callers are many or go."""

import asyncio

from search_service.servicer import SERVICE
from sketchzoo.group import Member
from sketchzoo.group.ledger import Ledger
from sketchzoo.rpc import deadline_exceeded, exhausted, unavailable
from sketchzoo.search.v1 import search_pb2
from tests.contract.search_service.calls import Code, details, refused, sketch
from tests.unit.search_service.fakes import bench


async def test_an_encoder_or_gallery_that_is_away_is_unavailable() -> None:
    """UNAVAILABLE within the deadline, and the next search after its return succeeds."""
    async with bench(check_seconds=30.0) as server:
        server.encoder.error = unavailable("the encoder", "gone")
        assert (await refused(server.stub.Search(sketch(), timeout=5))).code() is Code.UNAVAILABLE
        server.encoder.error = None
        server.reader.error = unavailable("Qdrant", "gone")
        assert (await refused(server.stub.Search(sketch(), timeout=5))).code() is Code.UNAVAILABLE
        server.reader.error = None
        assert (await server.stub.Search(sketch(), timeout=5)).hits


async def test_a_part_known_to_be_away_is_not_waited_for() -> None:
    """Once the watcher has seen it, searches fail without another call to the encoder."""
    async with bench() as server:
        server.encoder.error = unavailable("the encoder", "gone")
        await server.until_ready(state=False)
        before = server.encoder.calls
        assert (await refused(server.stub.Search(sketch(), timeout=5))).code() is Code.UNAVAILABLE
        assert server.encoder.calls == before
        server.encoder.error = None
        await server.until_ready()
        assert (await server.stub.Search(sketch(), timeout=5)).hits


async def test_a_full_encoder_passes_its_retry_info_on() -> None:
    """RESOURCE_EXHAUSTED of the encoder reaches the caller with its RetryInfo."""
    async with bench(check_seconds=30.0) as server:
        server.encoder.error = exhausted("the queue is full", 0.3)
        error = await refused(server.stub.Search(sketch(), timeout=5))
        assert error.code() is Code.RESOURCE_EXHAUSTED
        assert details(error)[0].retry_delay.nanos == 300_000_000


async def test_more_searches_than_places_are_refused_at_once() -> None:
    """The search past the limit gets RESOURCE_EXHAUSTED with RetryInfo; the others succeed."""
    async with bench(max_concurrent_searches=2, retry_after_seconds=0.5) as server:
        server.encoder.seconds = 0.3
        under_way = [
            asyncio.ensure_future(server.stub.Search(sketch(bytes([n])), timeout=5))
            for n in range(2)
        ]
        while server.encoder.running < 2:  # noqa: ASYNC110 - a counter has no event
            await asyncio.sleep(0.005)
        error = await refused(server.stub.Search(sketch(b"third"), timeout=5))
        assert error.code() is Code.RESOURCE_EXHAUSTED
        assert details(error)[0].retry_delay.nanos == 500_000_000
        assert all(answer.hits for answer in await asyncio.gather(*under_way))
        assert (await server.stub.Search(sketch(b"third"), timeout=5)).hits
        code = {"kind": "unread", "code": "RESOURCE_EXHAUSTED"}
        assert server.metric("sketchzoo_search_queries_total", **code) == 1


async def test_who_finds_no_place_is_refused_before_his_message_has_come() -> None:
    """No message is waited for that would be refused whatever it said."""
    async with bench(max_concurrent_searches=1, max_concurrent_batches=1) as server:
        server.encoder.seconds = 30
        batch = search_pb2.BatchSearchRequest(requests=[sketch(b"other")])
        held = [server.stub.Search(sketch(), timeout=60), server.stub.BatchSearch(batch)]
        while server.encoder.running < 2:  # noqa: ASYNC110 - a counter has no event
            await asyncio.sleep(0.005)
        for method in ("Search", "BatchSearch"):
            # On the wire a call whose message has not been sent yet.
            call = server.channel.stream_unary(f"/{SERVICE}/{method}")
            error = await refused(call(timeout=5))
            assert error.code() is Code.RESOURCE_EXHAUSTED
            assert details(error)[0].HasField("retry_delay")
        for each in held:
            each.cancel()


async def test_places_are_those_of_a_group() -> None:
    """What one process has under way leaves its group's other no place, and then one again."""
    ledger = Ledger.create(2)
    one, two = (Member(index, 2, ledger.of(index)) for index in range(2))
    limits = {"max_concurrent_searches": 2, "retry_after_seconds": 0.5}
    async with bench(member=one, **limits) as server, bench(member=two, **limits) as other:
        server.encoder.seconds = 0.3
        under_way = [
            asyncio.ensure_future(server.stub.Search(sketch(bytes([n])), timeout=5))
            for n in range(2)
        ]
        while server.encoder.running < 2:  # noqa: ASYNC110 - a counter has no event
            await asyncio.sleep(0.005)
        error = await refused(other.stub.Search(sketch(), timeout=5))
        assert error.code() is Code.RESOURCE_EXHAUSTED
        assert details(error)[0].retry_delay.nanos == 500_000_000
        await asyncio.gather(*under_way)
        assert (await other.stub.Search(sketch(), timeout=5)).hits
    ledger.close()


async def test_identical_searches_at_one_time_share_one_embedding() -> None:
    """Ten callers with one sketch cost the encoder one call."""
    async with bench() as server:
        server.encoder.seconds = 0.1
        answers = await asyncio.gather(
            *(server.stub.Search(sketch(), timeout=5) for _ in range(10))
        )
        assert len({answer.hits[0].photo_id for answer in answers}) == 1
        assert server.encoder.calls == 1
        assert server.metric("sketchzoo_search_cache_total", outcome="joined") == 9


async def test_a_cancelled_search_cancels_the_encoders_work() -> None:
    """The caller who goes takes the call to the encoder along."""
    async with bench() as server:
        server.encoder.seconds = 30
        call = server.stub.Search(sketch(), timeout=60)
        while not server.encoder.running:  # noqa: ASYNC110 - a counter has no event
            await asyncio.sleep(0.005)
        call.cancel()
        while not server.encoder.cancelled:  # noqa: ASYNC110 - a counter has no event
            await asyncio.sleep(0.005)
        assert server.encoder.embedded == []


async def test_a_cancelled_search_leaves_the_others_their_embedding() -> None:
    """Of two callers with one sketch the first may go; the second is answered."""
    async with bench() as server:
        server.encoder.seconds = 0.2
        first = server.stub.Search(sketch(), timeout=5)
        second = server.stub.Search(sketch(), timeout=5)
        while not server.encoder.running:  # noqa: ASYNC110 - a counter has no event
            await asyncio.sleep(0.005)
        first.cancel()
        assert (await second).hits
        assert (server.encoder.calls, server.encoder.cancelled) == (1, 0)


async def test_who_joins_a_hasty_caller_is_not_late_with_him() -> None:
    """The embedding that is shared ends with the first's deadline; the second makes it anew."""
    async with bench() as server:
        server.encoder.seconds = 30
        hasty = asyncio.ensure_future(server.stub.Search(sketch(), timeout=0.5))
        while not server.encoder.running:  # noqa: ASYNC110 - a counter has no event
            await asyncio.sleep(0.005)
        patient = server.stub.Search(sketch(), timeout=20)
        await server.joined(1)
        server.encoder.seconds = 0
        assert (await refused(hasty)).code() is Code.DEADLINE_EXCEEDED
        assert (await patient).hits
        assert server.encoder.calls == 2


async def test_the_deadline_is_shared_out_between_encoder_and_gallery() -> None:
    """The encoder gets less than the caller's time, the gallery what is left of it."""
    async with bench() as server:
        await server.stub.Search(sketch(), timeout=2)
        assert server.encoder.timeouts[0] < 1.7
        left = server.reader.timeouts[0]
        assert left is not None
        assert 1.0 < left < 2.2


async def test_a_slow_part_ends_in_deadline_exceeded() -> None:
    """An encoder or a gallery that hangs: DEADLINE_EXCEEDED, and its work is cancelled."""
    async with bench(check_seconds=30.0) as server:
        server.encoder.seconds = 30
        error = await refused(server.stub.Search(sketch(), timeout=0.3))
        assert error.code() is Code.DEADLINE_EXCEEDED
        while not server.encoder.cancelled:  # noqa: ASYNC110 - a counter has no event
            await asyncio.sleep(0.005)
        server.encoder.seconds = 0
        server.reader.seconds = 30
        error = await refused(server.stub.Search(sketch(), timeout=0.3))
        assert error.code() is Code.DEADLINE_EXCEEDED
        while not server.reader.cancelled:  # noqa: ASYNC110 - a counter has no event
            await asyncio.sleep(0.005)


async def test_a_timed_out_gallery_error_passes() -> None:
    """DEADLINE_EXCEEDED of the gallery is the search's."""
    async with bench(check_seconds=30.0) as server:
        server.reader.error = deadline_exceeded("waiting for Qdrant")
        error = await refused(server.stub.Search(sketch(), timeout=5))
        assert error.code() is Code.DEADLINE_EXCEEDED
