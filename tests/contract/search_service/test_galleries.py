"""Several galleries behind one service, over real sockets: names, tokens, absence, change."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest

from sketchzoo.rpc import outgoing_metadata, unavailable
from sketchzoo.search.v1 import search_pb2 as pb
from sketchzoo.token import read_token
from tests.contract.search_service.calls import refused, sketch
from tests.unit.search_service.fake_reader import photo
from tests.unit.search_service.fakes import Bench, bench, unknown_id

Code = grpc.StatusCode


def with_zoo(server: Bench) -> Any:
    """Put a gallery `zoo` of five photos beside the service's own."""
    zoo = server.reader.beside("zoo")
    for number in range(100, 105):
        zoo.add(photo(number, "gnu"))
    return zoo


def requests(gallery: str, photo_id: str = "") -> dict[str, Any]:
    """Return a request of a gallery for each method that takes one."""
    return {
        "Search": sketch(gallery=gallery),
        "ListClasses": pb.ListClassesRequest(gallery=gallery),
        "ListFolders": pb.ListFoldersRequest(gallery=gallery),
        "GetGallery": pb.GetGalleryRequest(gallery=gallery),
        "GetPhoto": pb.GetPhotoRequest(gallery=gallery, photo_id=photo_id or unknown_id()),
        "DownloadPhoto": pb.DownloadPhotoRequest(
            gallery=gallery, photo_id=photo_id or unknown_id()
        ),
    }


def bearer(token: str) -> dict[str, Any]:
    return {"metadata": outgoing_metadata(read_token(token)), "timeout": 5}


async def test_a_request_names_its_gallery() -> None:
    """Each gallery answers with its own photos; no name is the service's own."""
    async with bench() as server:
        zoo = with_zoo(server)
        answer = await server.stub.Search(sketch(gallery="zoo"), timeout=5)
        assert {hit.photo_id for hit in answer.hits} == set(zoo.photos)
        for name in ("", "photos"):
            answer = await server.stub.Search(sketch(gallery=name, limit=50), timeout=5)
            assert {hit.photo_id for hit in answer.hits} == set(server.reader.photos)
        answer = await server.stub.ListClasses(pb.ListClassesRequest(gallery="zoo"), timeout=5)
        assert ([(c.class_name, c.count) for c in answer.classes], answer.total) == (
            [("gnu", 5)],
            5,
        )


async def test_a_photo_is_asked_of_its_own_gallery() -> None:
    """More like this, and the photo itself, of the gallery that has it."""
    async with bench() as server:
        zoo = with_zoo(server)
        own = next(iter(zoo.photos))
        like = pb.SearchRequest(query=pb.Query(photo_id=own), gallery="zoo")
        assert len((await server.stub.Search(like, timeout=5)).hits) == 4
        like.gallery = ""
        assert (await refused(server.stub.Search(like, timeout=5))).code() is Code.NOT_FOUND


@pytest.mark.parametrize("method", list(requests("x")))
async def test_a_gallery_that_is_not_there_is_not_found_by_name(method: str) -> None:
    """NOT_FOUND says which, of every method."""
    async with bench() as server:
        error = await refused(getattr(server.stub, method)(requests("nowhere")[method], timeout=5))
        assert error.code() is Code.NOT_FOUND
        assert "nowhere" in (error.details() or "")


@pytest.mark.parametrize("name", ["../etc", "a b", "-x", "ä", "x" * 101, "a\n"])
async def test_what_is_no_name_is_refused(name: str) -> None:
    """INVALID_ARGUMENT names the field, and Qdrant is not asked."""
    async with bench() as server:
        for method, request in requests(name).items():
            error = await refused(getattr(server.stub, method)(request, timeout=5))
            assert error.code() is Code.INVALID_ARGUMENT, method
            assert (error.details() or "").startswith("gallery must be"), method
        assert server.reader.listed == 0


async def test_names_of_no_gallery_cost_one_listing_a_moment() -> None:
    """However many names are asked for at once, Qdrant lists its galleries once."""
    async with bench(check_seconds=60.0, recheck_seconds=30.0) as server:
        calls = (server.stub.Search(sketch(gallery=f"no-{n}"), timeout=5) for n in range(50))
        errors = await asyncio.gather(*calls, return_exceptions=True)
        assert {error.code() for error in errors} == {Code.NOT_FOUND}  # type: ignore[union-attr] # all are refusals
        assert server.reader.listed == 1


async def test_a_new_gallery_is_found_and_a_dropped_one_is_gone() -> None:
    """What is known of galleries holds for a moment only."""
    async with bench() as server:
        search = sketch(gallery="zoo")
        assert (await refused(server.stub.Search(search, timeout=5))).code() is Code.NOT_FOUND
        with_zoo(server)
        async with asyncio.timeout(5):
            while await code_of(server, search) is not Code.OK:  # noqa: ASYNC110 - in another process, as a rule
                await asyncio.sleep(0.01)
        server.reader.others.clear()
        async with asyncio.timeout(5):
            while await code_of(server, search) is not Code.NOT_FOUND:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)


async def code_of(server: Bench, search: pb.SearchRequest) -> grpc.StatusCode:
    found: grpc.StatusCode = await server.stub.Search(search, timeout=5).code()
    return found


async def test_a_gallery_that_moves_while_it_is_asked_is_followed() -> None:
    """A collection that has gone is looked for anew, once, for each method."""
    async with bench(check_seconds=60.0, recheck_seconds=30.0, classes_cache_seconds=0) as server:
        zoo = with_zoo(server)
        own = next(iter(zoo.photos))
        await server.stub.Search(sketch(gallery="zoo"), timeout=5)
        for step, (method, request) in enumerate(requests("zoo", own).items()):
            # The same photos in a collection of another name, as after an ingest from scratch.
            server.reader.missing.add(zoo.collection)
            zoo.suffix = f"-{step}"
            call = getattr(server.stub, method)(request, timeout=5)
            if method in ("GetPhoto", "DownloadPhoto"):
                assert (await refused(call)).code() is Code.FAILED_PRECONDITION  # it has no roots
            else:
                await call


async def test_a_gallery_of_another_model_is_its_own_problem() -> None:
    """FAILED_PRECONDITION for it; its photos can be looked at, and others searched."""
    async with bench() as server:
        zoo = with_zoo(server)
        zoo.fingerprint = "model-b"
        error = await refused(server.stub.Search(sketch(gallery="zoo"), timeout=5))
        assert error.code() is Code.FAILED_PRECONDITION
        assert (await server.stub.ListClasses(requests("zoo")["ListClasses"], timeout=5)).total == 5
        assert (await server.stub.Search(sketch(), timeout=5)).hits


async def test_others_are_searched_while_the_services_own_is_missing() -> None:
    """Health follows the service's own; a gallery that is there is searched all the same."""
    async with bench() as server:
        with_zoo(server)
        server.reader.fingerprint = "model-b"
        await server.until_ready(state=False)
        assert (await server.stub.Search(sketch(gallery="zoo"), timeout=5)).hits
        assert (await refused(server.stub.Search(sketch(), timeout=5))).code() is (
            Code.FAILED_PRECONDITION
        )


async def test_a_batch_asks_several_galleries_with_one_call_to_the_encoder() -> None:
    """Each search has its gallery's answer; one whose gallery is not there fails alone."""
    async with bench() as server:
        zoo = with_zoo(server)
        names = ["", "zoo", "nowhere", "zoo", "photos", "a b"]
        batch = pb.BatchSearchRequest(
            requests=[sketch(f"{n}".encode(), gallery=name) for n, name in enumerate(names)]
        )
        before = server.encoder.calls
        results = (await server.stub.BatchSearch(batch, timeout=5)).results
        assert server.encoder.calls == before + 1
        assert [result.status.code for result in results] == [0, 0, 5, 0, 0, 3]
        assert len(results[0].response.hits) == len(results[4].response.hits) == 12
        for place in (1, 3):
            found = {hit.photo_id for hit in results[place].response.hits}
            assert found == set(zoo.photos)
        alone = pb.BatchSearchRequest(requests=[sketch(gallery="nowhere")])
        results = (await server.stub.BatchSearch(alone, timeout=5)).results
        assert [result.status.code for result in results] == [5]


async def test_what_is_wrong_with_one_gallery_leaves_a_batchs_others_their_answers() -> None:
    """An error of one collection is told to its own searches."""
    async with bench() as server:
        zoo = with_zoo(server)
        await server.stub.Search(sketch(gallery="zoo"), timeout=5)
        zoo.error = unavailable("Qdrant", "gone")
        batch = pb.BatchSearchRequest(requests=[sketch(), sketch(gallery="zoo")])
        results = (await server.stub.BatchSearch(batch, timeout=5)).results
        assert [result.status.code for result in results] == [0, 14]


async def test_a_token_is_good_for_its_galleries_alone() -> None:
    """Others' are PERMISSION_DENIED for every method, there or not; no name is the default's."""
    async with bench(token="all", tokens="own zoo") as server:  # noqa: S106 - of a test
        with_zoo(server)
        for gallery in ("", "photos", "nowhere"):
            for method, request in requests(gallery).items():
                call = getattr(server.stub, method)(request, **bearer("own"))
                assert (await refused(call)).code() is Code.PERMISSION_DENIED, (method, gallery)
        answer = await server.stub.Search(sketch(gallery="zoo"), **bearer("own"))
        assert len(answer.hits) == 5
        batch = pb.BatchSearchRequest(requests=[sketch(gallery="zoo"), sketch(gallery="photos")])
        results = (await server.stub.BatchSearch(batch, **bearer("own"))).results
        assert [result.status.code for result in results] == [0, 7]
        assert (await server.stub.Search(sketch(), **bearer("all"))).hits


async def test_lists_the_callers_galleries() -> None:
    """A bound token sees its own alone, and none that is not there."""
    async with bench(token="all", tokens="own zoo,gone;none x") as server:  # noqa: S106 - of a test
        with_zoo(server)
        for token, names in (("all", ["photos", "zoo"]), ("own", ["zoo"]), ("none", [])):
            answer = await server.stub.ListGalleries(pb.ListGalleriesRequest(), **bearer(token))
            assert list(answer.galleries) == names


async def test_a_live_search_is_held_to_its_token_too() -> None:
    """A drawing for another's gallery is refused in the stream, which goes on."""

    async def drawings() -> AsyncIterator[pb.LiveSearchRequest]:
        yield pb.LiveSearchRequest(sequence=1, request=sketch())
        await first.wait()
        yield pb.LiveSearchRequest(sequence=2, request=sketch(gallery="zoo"))

    first = asyncio.Event()
    async with bench(tokens="own zoo") as server:
        with_zoo(server)
        codes = []
        async for answer in server.stub.LiveSearch(drawings(), **bearer("own")):
            codes.append(answer.status.code)
            first.set()
        assert codes == [7, 0]
