"""Queries of one moment in one call to Qdrant, over a real socket."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio
import pytest
from qdrant_client import grpc as api

from sketchzoo.call_settings import QdrantSettings
from sketchzoo.qdrant import CollectionNotFoundError, connect
from sketchzoo.qdrant.batches import Hits, QueryBatches
from sketchzoo.rpc import CallError
from sketchzoo.telemetry import request_context

BAD = 13


@dataclass
class Points(api.PointsServicer):
    """Answers each query with a hit whose score is its limit, when it is let."""

    let: asyncio.Event = field(default_factory=asyncio.Event)
    came: asyncio.Queue[int] = field(default_factory=asyncio.Queue)
    calls: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    refusal: grpc.StatusCode | None = None
    left_out: int = 0

    async def QueryBatch(self, request: Any, context: Any) -> api.QueryBatchResponse:  # noqa: N802 - gRPC's form
        self.calls.append(len(request.query_points))
        self.seconds.append(context.time_remaining())
        self.ids.append(dict(context.invocation_metadata()).get("x-request-id", ""))
        self.came.put_nowait(len(request.query_points))
        try:
            await self.let.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        if request.collection_name == "nowhere":
            await context.abort(grpc.StatusCode.NOT_FOUND, "Collection `nowhere` doesn't exist!")
        if self.refusal is not None:
            await context.abort(self.refusal, "not now")
        if any(query.limit == BAD for query in request.query_points):
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "a bad query")
        response = api.QueryBatchResponse()
        for query in request.query_points[self.left_out :]:
            response.result.add().result.add().score = query.limit
        return response


@dataclass
class Bench:
    points: Points
    batches: QueryBatches
    collection: str = "photos"

    def asks(self, *limits: int, seconds: float | None = None) -> asyncio.Task[list[Hits]]:
        deadline = None
        if seconds is not None:
            deadline = asyncio.get_running_loop().time() + seconds
        queries = [api.QueryPoints(limit=limit) for limit in limits]
        return asyncio.create_task(self.batches.ask(self.collection, queries, deadline))

    async def beside_one(
        self, *limits: int, seconds: float | None = None
    ) -> list[asyncio.Task[list[Hits]]]:
        """Ask for these, each by itself, while another's call is under way, which is the first."""
        first = self.asks(1)
        await self.points.came.get()
        others = [self.asks(limit, seconds=seconds) for limit in limits]
        # Each takes its place.
        await asyncio.sleep(0)
        return [first, *others]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    points = Points()
    server = grpc.aio.server()
    api.add_PointsServicer_to_server(points, server)  # type: ignore[no-untyped-call] # generated
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    url = {"qdrant_url": f"http://127.0.0.1:{port}", "qdrant_timeout_seconds": 20}
    connection = connect(QdrantSettings.model_validate(url))
    yield Bench(points, QueryBatches(connection))
    await connection.close()
    await server.stop(None)


async def scores(answer: Awaitable[list[Hits]]) -> list[float]:
    return [hit.score for hits in await answer for hit in hits]


async def refused(answer: Awaitable[Any]) -> CallError:
    with pytest.raises(CallError) as caught:
        await answer
    return caught.value


async def test_what_comes_one_after_the_other_goes_alone(bench: Bench) -> None:
    """A lone query is a call of its own."""
    bench.points.let.set()
    for limit in (2, 3):
        assert await scores(bench.asks(limit)) == [limit]
    assert bench.points.calls == [1, 1]


async def test_what_comes_beside_a_call_goes_together(bench: Bench) -> None:
    """In one call, and each gets its own hits, those of several their several."""
    answers = await bench.beside_one(2, 3, 4)
    answers.append(bench.asks(5, 6))
    bench.points.let.set()
    assert [await scores(each) for each in answers] == [[1], [2], [3], [4], [5, 6]]
    assert bench.points.calls == [1, 5]


async def test_a_long_call_holds_up_no_others(bench: Bench) -> None:
    """What waits goes after a moment, though the call before it has not ended."""
    answers = await bench.beside_one(2, 3)
    assert await bench.points.came.get() == 2
    assert not answers[0].done()
    bench.points.let.set()
    assert [await scores(each) for each in answers] == [[1], [2], [3]]


async def test_collections_do_not_wait_for_each_other(bench: Bench) -> None:
    """A call is of one collection."""
    answers = await bench.beside_one()
    bench.collection = "others"
    answers.append(bench.asks(2))
    assert await bench.points.came.get() == 1
    bench.points.let.set()
    assert [await scores(each) for each in answers] == [[1], [2]]


async def test_each_keeps_its_own_deadline(bench: Bench) -> None:
    """The call has the longest of them; who has less leaves it."""
    first, hurried, patient = await bench.beside_one(2, 3, seconds=0.2)
    patient.cancel()
    patient = bench.asks(4, seconds=15)
    error = await refused(hurried)
    assert error.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert max(bench.points.seconds[1:]) > 10
    bench.points.let.set()
    assert await scores(patient) == [4]
    assert await scores(first) == [1]


async def test_who_leaves_spares_the_others(bench: Bench) -> None:
    """A cancelled query leaves those beside it their call."""
    _, left, stays = await bench.beside_one(2, 3)
    assert await bench.points.came.get() == 2
    left.cancel()
    await asyncio.wait([left])
    assert not bench.points.cancelled.is_set()
    bench.points.let.set()
    assert await scores(stays) == [3]


async def test_the_last_who_leaves_ends_the_call(bench: Bench) -> None:
    """Nobody computes what nobody waits for; what comes next is answered."""
    first, *others = await bench.beside_one(2, 3)
    assert await bench.points.came.get() == 2
    for each in others:
        each.cancel()
    await bench.points.cancelled.wait()
    later = bench.asks(4)
    bench.points.let.set()
    assert [await scores(each) for each in (first, later)] == [[1], [4]]


async def test_what_left_before_its_call_is_not_asked(bench: Bench) -> None:
    """A cancelled query that still waited goes into no call."""
    first, left, stays = await bench.beside_one(2, 3)
    left.cancel()
    bench.points.let.set()
    assert [await scores(each) for each in (first, stays)] == [[1], [3]]
    assert bench.points.calls == [1, 1]


@pytest.mark.parametrize("place", [0, 3, 6])
async def test_a_bad_query_fails_alone(bench: Bench, place: int) -> None:
    """It gets Qdrant's error; those beside it their hits."""
    limits = [20, 21, 22, 23, 24, 25, 26]
    limits[place] = BAD
    _, *answers = await bench.beside_one(*limits)
    bench.points.let.set()
    for limit, answer in zip(limits, answers, strict=True):
        if limit == BAD:
            assert (await refused(answer)).code is grpc.StatusCode.INVALID_ARGUMENT
        else:
            assert await scores(answer) == [limit]


async def test_what_fails_all_is_not_asked_again(bench: Bench) -> None:
    """A missing collection, a server that is away: each of them hears it, of one call."""
    bench.collection = "nowhere"
    answers = await bench.beside_one(2, 3, 4)
    bench.points.let.set()
    for answer in answers:
        assert isinstance(await refused(answer), CollectionNotFoundError)
    assert bench.points.calls == [1, 3]
    bench.collection, bench.points.refusal = "photos", grpc.StatusCode.RESOURCE_EXHAUSTED
    bench.points.let.clear()
    answers = await bench.beside_one(2, 3)
    bench.points.let.set()
    codes = [(await refused(answer)).code for answer in answers]
    assert codes == [grpc.StatusCode.RESOURCE_EXHAUSTED] * 3
    assert bench.points.calls == [1, 3, 1, 2]


async def test_a_call_has_so_many_queries_at_most(bench: Bench) -> None:
    """And such as find so many hits; what is more goes in the next ones."""
    answers = await bench.beside_one(*[2] * 100)
    bench.points.let.set()
    await asyncio.gather(*answers)
    assert bench.points.calls == [1, 64, 36]
    bench.points.let.clear()
    answers = await bench.beside_one(1500, 400, 9000, 3)
    bench.points.let.set()
    await asyncio.gather(*answers)
    assert bench.points.calls[3:] == [1, 2, 1, 1]


async def test_more_than_may_wait_are_refused(bench: Bench) -> None:
    """With the time after which to come again; what waits is answered."""
    answers = await bench.beside_one(*[1900] * 1034)
    error = await refused(answers[-1])
    assert error.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert error.retry_after is not None
    bench.points.let.set()
    done = await asyncio.gather(*answers, return_exceptions=True)
    assert sum(isinstance(each, CallError) for each in done) == 10


async def test_those_that_left_take_no_place_of_those_that_wait(bench: Bench) -> None:
    """However many have come and gone while the calls before them last."""
    answers = await bench.beside_one(*[1900] * 7)
    for _ in answers[1:]:
        await bench.points.came.get()
    left = [bench.asks(1900) for _ in range(1024)]
    await asyncio.sleep(0)
    for each in left:
        each.cancel()
    await asyncio.wait(left)
    later = bench.asks(2)
    await asyncio.sleep(0)
    bench.points.let.set()
    assert await scores(later) == [2]


async def test_an_answer_without_some_hits_fails_all_of_its_call(bench: Bench) -> None:
    """None of them waits for what does not come."""
    bench.points.left_out = 1
    answers = await bench.beside_one(2, 3)
    bench.points.let.set()
    for answer in answers:
        assert (await refused(answer)).code is grpc.StatusCode.UNAVAILABLE


async def test_a_call_has_the_request_id_of_its_first_query(bench: Bench) -> None:
    """As a call of its own would; by it Qdrant's log is found."""
    with request_context("first"):
        answers = await bench.beside_one()
    with request_context("second"):
        answers.append(bench.asks(2))
    with request_context("third"):
        answers.append(bench.asks(3))
    bench.points.let.set()
    await asyncio.gather(*answers)
    assert bench.points.ids == ["first", "second"]
