"""`LiveSearch` over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
from google.rpc import error_details_pb2

from sketchzoo.search.v1 import search_pb2 as pb
from tests.unit.search_service.fakes import Bench, bench


def drawing(sequence: int, content: bytes = b"") -> pb.LiveSearchRequest:
    sketch = content or f"drawing {sequence}".encode()
    query = pb.Query(sketch=sketch)
    return pb.LiveSearchRequest(sequence=sequence, request=pb.SearchRequest(query=query))


async def until(condition: Any) -> None:
    while not condition():  # noqa: ASYNC110 - the fakes count, they have no events
        await asyncio.sleep(0.005)


def open_stream(server: Bench) -> Any:
    return server.stub.LiveSearch(timeout=30)


async def test_answers_each_drawing_that_is_waited_for() -> None:
    """Drawings sent one after the other's answer all get theirs, by sequence."""
    async with bench() as server:
        stream = open_stream(server)
        for sequence in (1, 2, 7):
            await stream.write(drawing(sequence))
            answer = await stream.read()
            assert answer.sequence == sequence
            assert len(answer.response.hits) == 12
        await stream.done_writing()
        assert await stream.read() is grpc.aio.EOF


async def test_a_newer_drawing_cancels_the_encoders_work_for_the_older() -> None:
    """The older drawing's Embed call is cancelled, and only the newer is answered."""
    async with bench() as server:
        server.encoder.seconds = 30
        stream = open_stream(server)
        await stream.write(drawing(1))
        await until(lambda: server.encoder.running == 1)
        server.encoder.seconds = 0
        await stream.write(drawing(2))
        answer = await stream.read()
        assert answer.sequence == 2
        await until(lambda: server.encoder.cancelled == 1)
        assert server.encoder.embedded == [b"drawing 2"]
        stream.cancel()


async def test_a_newer_drawing_cancels_the_gallerys_work_for_the_older() -> None:
    """The older drawing's query is cancelled too."""
    async with bench() as server:
        server.reader.seconds = 30
        stream = open_stream(server)
        await stream.write(drawing(1))
        await until(lambda: server.reader.asked)
        server.reader.seconds = 0
        await stream.write(drawing(2))
        assert (await stream.read()).sequence == 2
        assert server.reader.cancelled == 1
        stream.cancel()


async def test_the_last_drawing_is_answered_after_the_caller_is_done() -> None:
    """Closing the writing side waits for the newest search, not for overtaken ones."""
    async with bench() as server:
        server.encoder.seconds = 0.1

        async def drawings() -> AsyncIterator[pb.LiveSearchRequest]:
            for sequence in range(50):
                yield drawing(sequence)

        answers = [answer async for answer in server.stub.LiveSearch(drawings(), timeout=30)]
        assert [answer.sequence for answer in answers] == [49]
        assert len(server.encoder.embedded) == 1


async def test_a_refused_drawing_leaves_the_stream_open() -> None:
    """Each drawing's own mistake is a status with its sequence; the next is answered."""
    async with bench() as server:
        stream = open_stream(server)
        await stream.write(drawing(1, b"bad"))
        refused = await stream.read()
        assert (refused.sequence, refused.status.code) == (1, 3)
        assert refused.status.message.startswith("query.sketch")
        await stream.write(drawing(2))
        assert (await stream.read()).response.hits
        stream.cancel()


async def test_sequences_must_rise() -> None:
    """A sequence that was there before is refused and cancels nothing."""
    async with bench() as server:
        stream = open_stream(server)
        await stream.write(drawing(5))
        assert (await stream.read()).sequence == 5
        await stream.write(drawing(5))
        refused = await stream.read()
        assert refused.status.code == 3
        assert refused.status.message.startswith("sequence")
        await stream.write(drawing(6))
        assert (await stream.read()).response.hits
        stream.cancel()


async def test_a_caller_who_leaves_takes_the_work_along() -> None:
    """Cancelling the stream cancels the search under way and frees its place."""
    async with bench(max_live_streams=1) as server:
        server.encoder.seconds = 30
        stream = open_stream(server)
        await stream.write(drawing(1))
        await until(lambda: server.encoder.running == 1)
        stream.cancel()
        await until(lambda: server.encoder.cancelled == 1)
        server.encoder.seconds = 0
        again = open_stream(server)
        await again.write(drawing(1))
        assert (await again.read()).response.hits
        again.cancel()


async def test_a_stream_holds_a_place_only_while_it_works() -> None:
    """An idle one is in nobody's way; beside one at work a drawing is refused with RetryInfo."""
    async with bench(max_live_streams=1) as server:
        first, second = open_stream(server), open_stream(server)
        for stream in (first, second):
            await stream.write(drawing(1))
            assert (await stream.read()).response.hits
        server.encoder.seconds = 30
        await first.write(drawing(2))
        await until(lambda: server.encoder.running == 1)
        await second.write(drawing(2))
        refused = (await second.read()).status
        assert refused.code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
        assert refused.details[0].Is(error_details_pb2.RetryInfo.DESCRIPTOR)
        first.cancel()
        second.cancel()


async def test_a_search_of_a_stream_has_a_deadline_of_its_own() -> None:
    """A search that hangs is DEADLINE_EXCEEDED inside of the stream, which goes on."""
    async with bench(live_deadline_seconds=0.2, check_seconds=30.0) as server:
        server.encoder.seconds = 30
        stream = open_stream(server)
        await stream.write(drawing(1))
        late = await stream.read()
        assert late.status.code == 4
        server.encoder.seconds = 0
        await stream.write(drawing(2))
        assert (await stream.read()).response.hits
        stream.cancel()


async def test_what_is_no_message_ends_the_stream() -> None:
    """Damaged bytes end the stream with INVALID_ARGUMENT."""
    async with bench() as server:
        call: Any = server.channel.stream_stream("/sketchzoo.search.v1.SearchService/LiveSearch")
        stream = call(timeout=5)
        await stream.write(b"\xff\xff\xff")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stream.read()
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
