"""Photos of one burst as one hit, over real sockets: counts, pages, scores, batches, streams."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from sketchzoo.qdrant import photo_id
from sketchzoo.search.v1 import search_pb2 as pb
from tests.contract.search_service.calls import refused, sketch
from tests.unit.search_service.fake_reader import taken
from tests.unit.search_service.fakes import Bench, bench

BURSTS = 4


def with_bursts(server: Bench) -> None:
    """Put ten bursts of four photos in the place of the gallery's."""
    server.reader.photos.clear()
    for number in range(40):
        first = taken(number - number % BURSTS)
        server.reader.add(taken(number, burst=photo_id(first.sha256)))


async def found(server: Bench, **request: Any) -> Any:
    return await server.stub.Search(sketch(**request), timeout=5)


async def test_photos_of_a_burst_are_one_hit_with_a_count() -> None:
    """The nearest of each burst, and how many others there are."""
    async with bench() as server:
        with_bursts(server)
        hits = (await found(server, limit=40)).hits
        assert [hit.near_duplicates for hit in hits] == [3] * 10
        each = (await found(server, limit=40, no_collapse=True)).hits
        assert len(each) == 40
        assert not any(hit.near_duplicates for hit in each)
        assert hits[0].photo_id == each[0].photo_id
        assert hits[0].score == each[0].score


@pytest.mark.parametrize("rest", [{}, {"exact": True}, {"min_score": 0.1}])
async def test_pages_of_bursts_hold_each_burst_once(rest: dict[str, Any]) -> None:
    """Pages of any kind of search go through all bursts, none twice."""
    async with bench() as server:
        with_bursts(server)
        whole = [hit.photo_id for hit in (await found(server, limit=40, **rest)).hits]
        pages, token = [], ""
        while token or not pages:
            answer = await found(server, limit=4, page_token=token, **rest)
            pages.append([hit.photo_id for hit in answer.hits])
            token = answer.next_page_token
        assert [each for page in pages for each in page] == whole
        assert [len(page) for page in pages] == [4] * (len(whole) // 4) + [len(whole) % 4]


async def test_a_page_of_one_kind_does_not_go_on_as_the_other() -> None:
    """Counting hits by bursts or by photos, a token means another place."""
    async with bench() as server:
        with_bursts(server)
        for first in (False, True):
            token = (await found(server, limit=4, no_collapse=first)).next_page_token
            error = await refused(found(server, page_token=token, no_collapse=not first))
            assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert (error.details() or "").startswith("page_token")


async def test_searches_of_a_batch_fold_as_each_asks() -> None:
    """One of both kinds in one call."""
    async with bench() as server:
        with_bursts(server)
        batch = pb.BatchSearchRequest(
            requests=[sketch(limit=40), sketch(limit=40, no_collapse=True)]
        )
        results = (await server.stub.BatchSearch(batch, timeout=5)).results
        assert [len(result.response.hits) for result in results] == [10, 40]


async def test_live_searches_fold() -> None:
    """A drawing's answer is folded as any other."""

    async def drawings() -> AsyncIterator[pb.LiveSearchRequest]:
        yield pb.LiveSearchRequest(sequence=1, request=sketch(limit=40))

    async with bench() as server:
        with_bursts(server)
        async for answer in server.stub.LiveSearch(drawings(), timeout=5):
            assert [hit.near_duplicates for hit in answer.response.hits] == [3] * 10
