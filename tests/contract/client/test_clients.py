"""Both clients over real sockets: against the search service, and against a fake one."""

import asyncio
import hashlib
import io
import math
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from sketchzoo.client import (
    AsyncClient,
    Client,
    DeadlineExceeded,
    Denied,
    InvalidRequest,
    NotFound,
    NotReady,
    Overloaded,
    Query,
    Range,
    SearchResult,
    Stroke,
    Strokes,
    TooLarge,
    Unavailable,
)
from sketchzoo.photos import Photo
from sketchzoo.rpc import CallError, RpcServer, Service, exhausted
from sketchzoo.search.v1 import search_pb2, search_pb2_grpc
from sketchzoo.settings import ServerSettings
from tests.artefacts import picture
from tests.unit.search_service.fakes import bench, unknown_id

DRAWING = Strokes(100, 100, (Stroke(((10, 10), (90, 90))),))


class Twin:
    """A client of either kind, called as the asyncio one."""

    def __init__(self, client: Client | AsyncClient) -> None:
        self._client = client

    async def call(self, method: str, *values: Any, **options: Any) -> Any:
        if isinstance(self._client, AsyncClient):
            return await getattr(self._client, method)(*values, **options)
        return await asyncio.to_thread(partial(getattr(self._client, method), *values, **options))

    async def collect(
        self, method: str, *values: Any, into: list[Any] | None = None, **options: Any
    ) -> list[Any]:
        answers = [] if into is None else into
        if isinstance(self._client, AsyncClient):
            async for each in getattr(self._client, method)(*values, **options):
                answers.append(each)
        else:
            each_answer = getattr(self._client, method)(*values, **options)
            await asyncio.to_thread(answers.extend, each_answer)
        return answers

    def drawings(self, *drawings: Any, pause: float = 0.0) -> Any:
        """Return an iterator of drawings that takes so many seconds for each."""

        def drawn() -> Iterator[Any]:
            for each in drawings:
                if isinstance(each, Exception):
                    raise each
                yield each

        async def stream() -> AsyncIterator[Any]:
            for each in drawn():
                yield each
                await asyncio.sleep(pause)

        def blocking() -> Iterator[Any]:
            for each in drawn():
                yield each
                time.sleep(pause)

        return stream() if isinstance(self._client, AsyncClient) else blocking()


@pytest.fixture(params=[Client, AsyncClient], ids=["sync", "asyncio"])
def connect(request: pytest.FixtureRequest) -> Callable[..., Any]:
    kind = request.param

    @asynccontextmanager
    async def connected(target: str, **options: Any) -> AsyncIterator[Twin]:
        if kind is AsyncClient:
            async with AsyncClient(target, **options) as client:
                yield Twin(client)
        else:
            with Client(target, **options) as blocking:
                yield Twin(blocking)

    return connected


class FakeSearch(search_pb2_grpc.SearchServiceServicer):
    """Fails as often as it is told to, then answers; remembers what it heard."""

    def __init__(self, *errors: CallError, seconds: float = 0.0) -> None:
        self.errors = list(errors)
        self.seconds = seconds
        self.calls = 0
        self.fingerprint = "m"
        self.remaining: list[float] = []

    async def Search(self, request: Any, context: Any) -> search_pb2.SearchResponse:  # noqa: N802
        self.calls += 1
        self.remaining.append(context.time_remaining())
        await asyncio.sleep(self.seconds)
        if self.errors:
            raise self.errors.pop(0)
        return search_pb2.SearchResponse(model_fingerprint=self.fingerprint)

    async def LiveSearch(self, requests: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        async for request in requests:
            self.calls += 1
            yield search_pb2.LiveSearchResponse(sequence=request.sequence)


@asynccontextmanager
async def fake(servicer: FakeSearch, **settings: Any) -> AsyncIterator[str]:
    service = Service(
        "sketchzoo.search.v1.SearchService",
        servicer,
        search_pb2_grpc.add_SearchServiceServicer_to_server,
    )
    chosen = ServerSettings(drain_seconds=0.1, **settings)
    async with RpcServer(chosen, [service], CollectorRegistry()) as server:
        yield f"127.0.0.1:{server.port}"


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


async def test_takes_what_people_of_the_field_hold(connect: Any) -> None:
    """An array, a Pillow image and an open file of the same pixels find the same."""
    pixels = np.random.default_rng(0).integers(0, 256, (32, 48, 3), np.uint8)
    image = Image.fromarray(pixels)
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=1)
    file.seek(0)
    async with bench() as server, connect(server.target) as client:
        found = [await client.call("search", given) for given in (pixels, image, file)]
    assert found[0].hits == found[1].hits == found[2].hits
    assert found[2].timings.cached


async def test_turns_pages_of_a_file_that_is_read_once(connect: Any) -> None:
    """The second page asks with the picture of the first."""
    async with bench() as server, connect(server.target) as client:
        wanted = await client.collect("pages", b"a drawing", limit=15)
        pages = await client.collect("pages", io.BytesIO(b"a drawing"), limit=15)
    assert [page.hits for page in pages] == [page.hits for page in wanted]


async def test_a_message_over_the_limit_is_not_sent(connect: Any) -> None:
    """27 MB: an error of its own, which no loop that waits for room takes for overload."""
    servicer = FakeSearch()
    large = bytes(27_000_000)
    async with fake(servicer) as target, connect(target) as client:
        for method, given in (
            ("search", (large,)),
            ("search", (io.BytesIO(large),)),
            ("batch", ([b"x", large],)),
            ("batch", ([bytes(9_000_000), bytes(9_000_000)],)),
            ("classes", ()),
        ):
            options = {"classes": ["c" * 17_000_000]} if method == "classes" else {}
            with pytest.raises(TooLarge, match="16777216"):
                await client.call(method, *given, **options)
        with pytest.raises(TooLarge):
            await client.collect("live", client.drawings(large))
    assert servicer.calls == 0
    assert not issubclass(TooLarge, Overloaded)


async def test_a_message_over_the_services_limit_is_too_large(connect: Any) -> None:
    """So it is where only the service can tell, and where its answer is over our own."""
    async with fake(FakeSearch(), max_message_bytes=100_000) as target, connect(target) as client:
        with pytest.raises(TooLarge) as caught:
            await client.call("search", bytes(200_000))
        assert caught.value.code == "RESOURCE_EXHAUSTED"
        with pytest.raises(TooLarge):
            await client.collect("live", client.drawings(bytes(200_000)))
    answering = FakeSearch()
    answering.fingerprint = "m" * 50_000
    async with fake(answering) as target, connect(target, max_message_bytes=20_000) as client:
        with pytest.raises(TooLarge):
            await client.call("search", b"x")
    assert answering.calls == 1


async def test_a_drawing_that_cannot_be_sent_ends_the_stream(connect: Any) -> None:
    """Those before it are answered; then its own error comes, none of gRPC's."""
    async with bench() as server, connect(server.target) as client:
        answers: list[Any] = []
        with pytest.raises(TypeError, match="sketch must be"):
            await client.collect("live", client.drawings(DRAWING, 7), into=answers)
        assert [answer.sequence for answer in answers] == [0]
        with pytest.raises(FileNotFoundError):
            await client.collect("live", client.drawings(Path("no-such.png")))
        with pytest.raises(LookupError, match="the pen is gone"):
            await client.collect("live", client.drawings(LookupError("the pen is gone")))


@pytest.mark.parametrize(
    "queries", ["cat.png", b"x", Path("cat.png"), None, 7, DRAWING, Query(b"x"), {"a": b"x"}]
)
async def test_one_sketch_is_no_list_of_them(connect: Any, queries: Any) -> None:
    """A string is no list of letters, nor an array one of its rows."""
    async with connect("127.0.0.1:1") as client:
        with pytest.raises(TypeError, match="queries must be a list"):
            await client.call("batch", queries)
        with pytest.raises(TypeError, match=r"drawings must be an? (list|async iterator)"):
            await client.collect("live", queries)
        with pytest.raises(TypeError, match="queries must be a list"):
            await client.call("batch", np.zeros((8, 8), np.uint8))


@pytest.mark.parametrize("seconds", ["5", -1, 0, math.nan, math.inf, True, [5]])
async def test_a_calls_own_deadline_is_one(connect: Any, seconds: Any) -> None:
    """Refused by its name in every method."""
    async with connect("127.0.0.1:1") as client:
        for method, *given in (("search", b"x"), ("batch", [b"x"]), ("classes",), ("photo", "x")):
            with pytest.raises((TypeError, ValueError), match=r"^timeout must be"):
                await client.call(method, *given, timeout=seconds)
        with pytest.raises((TypeError, ValueError), match=r"^timeout must be"):
            await client.collect("pages", b"x", timeout=seconds)
        with pytest.raises((TypeError, ValueError), match=r"^timeout must be"):
            await client.collect("live", client.drawings(b"x"), timeout=seconds)


async def test_a_closed_client_says_so(connect: Any) -> None:
    """After `close`, or the end of `with`."""
    async with connect("127.0.0.1:1") as client:
        pass
    with pytest.raises(RuntimeError, match="the client is closed"):
        await client.call("search", b"x")
    with pytest.raises(RuntimeError, match="the client is closed"):
        await client.collect("live", client.drawings(b"x"))


async def test_a_token_from_a_file_may_end_in_a_newline(connect: Any) -> None:
    """It is sent without."""
    secret = "open sesame"  # noqa: S105 - made up
    async with (
        fake(FakeSearch(), token=SecretStr(secret)) as target,
        connect(target, token=f"{secret}\n") as client,
    ):
        assert (await client.call("search", b"x")).model_fingerprint == "m"
