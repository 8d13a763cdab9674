"""Several encoders behind one service: each gallery's searches ask the one that fits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sketchzoo.rpc import unavailable
from sketchzoo.search.v1 import search_pb2 as pb
from tests.contract.search_service.calls import Code, details, refused, sketch
from tests.unit.search_service.fake_encoder import FakeEncoder
from tests.unit.search_service.fake_reader import FakeReader, photo
from tests.unit.search_service.fakes import Bench, bench, serving_encoder

NOBODY = "127.0.0.1:1"


@asynccontextmanager
async def two_encoders() -> AsyncIterator[tuple[Bench, FakeEncoder, FakeReader]]:
    """Serve with a second encoder, of model-b, and with a gallery `zoo` that it has made."""
    second = FakeEncoder()
    second.fingerprint, second.text = "model-b", "tower-b"
    async with serving_encoder(second) as target, bench(encoder_targets=[target]) as server:
        zoo = server.reader.beside("zoo")
        zoo.fingerprint = "model-b"
        for number in range(100, 105):
            zoo.add(photo(number, "gnu"))
        yield server, second, zoo


async def until(server: Bench, search: pb.SearchRequest, code: Code) -> None:
    """Search until it ends so."""
    async with asyncio.timeout(10):
        while await server.stub.Search(search, timeout=5).code() is not code:  # noqa: ASYNC110 - the service looks by itself
            await asyncio.sleep(0.01)


async def test_a_gallery_asks_the_encoder_whose_model_made_it() -> None:
    """Each answer bears its own model, and no encoder is asked for the other's gallery."""
    async with two_encoders() as (server, second, zoo):
        answer = await server.stub.Search(sketch(gallery="zoo"), timeout=5)
        assert {hit.photo_id for hit in answer.hits} == set(zoo.photos)
        assert (answer.model_fingerprint, second.calls, server.encoder.calls) == ("model-b", 1, 0)
        answer = await server.stub.Search(sketch(), timeout=5)
        assert (answer.model_fingerprint, second.calls, server.encoder.calls) == ("model-a", 1, 1)


async def test_what_a_gallery_offers_is_its_own_models() -> None:
    """Words go where the model takes them, and `GetGallery` says where that is."""
    async with two_encoders() as (server, second, _):
        words = pb.SearchRequest(query=pb.Query(text="a gnu"))
        error = await refused(server.stub.Search(words, timeout=5))
        assert error.code() is Code.UNIMPLEMENTED
        words.gallery = "zoo"
        answer = await server.stub.Search(words, timeout=5)
        assert (answer.confident_score, second.texts) == (0.6875, ["a gnu"])
        for name, takes in (("zoo", True), ("", False)):
            told = await server.stub.GetGallery(pb.GetGalleryRequest(gallery=name), timeout=5)
            assert told.takes_text is takes


async def test_a_batch_calls_each_encoder_once() -> None:
    """Equal pictures for two models are two embeddings; one for two searches is one."""
    async with two_encoders() as (server, second, _):
        batch = pb.BatchSearchRequest(requests=[sketch(gallery=g) for g in ("", "zoo", "", "zoo")])
        results = (await server.stub.BatchSearch(batch, timeout=5)).results
        found = [result.response.model_fingerprint for result in results]
        assert found == ["model-a", "model-b", "model-a", "model-b"]
        assert (server.encoder.embedded, second.embedded) == ([b"a cat"], [b"a cat"])


async def test_an_encoder_that_fails_fails_its_own_galleries_searches() -> None:
    """Of a batch the others are answered."""
    async with two_encoders() as (server, second, _):
        await server.stub.Search(sketch(gallery="zoo"), timeout=5)
        second.error = unavailable("the device", "gone")
        batch = pb.BatchSearchRequest(
            requests=[sketch(b"new", gallery=name) for name in ("", "zoo")]
        )
        results = (await server.stub.BatchSearch(batch, timeout=5)).results
        assert [result.status.code for result in results] == [0, 14]


async def test_an_encoder_that_is_away_leaves_others_galleries_alone() -> None:
    """Its galleries are UNAVAILABLE, whichever it is, and searched again when it is back."""
    async with two_encoders() as (server, second, _):
        await server.stub.Search(sketch(gallery="zoo"), timeout=5)
        for encoder, its, other in ((second, "zoo", ""), (server.encoder, "", "zoo")):
            encoder.error = unavailable("the encoder", "gone")
            gone = sketch(b"gone", gallery=its)
            await until(server, gone, Code.UNAVAILABLE)
            assert (await server.stub.Search(sketch(gallery=other), timeout=5)).hits
            # Health is the own gallery's alone.
            await server.until_ready(state=encoder is second)
            encoder.error = None
            await until(server, gone, Code.OK)


async def test_a_moved_alias_is_followed_without_a_refused_search() -> None:
    """To the new model and back, while searches run: each is answered, by one of both."""
    async with two_encoders() as (server, *_):
        reader = server.reader

        async def search(number: int) -> str:
            answer = await server.stub.Search(sketch(f"{number}".encode()), timeout=5)
            assert answer.hits
            return str(answer.model_fingerprint)

        for wanted in ("model-b", "model-a"):
            reader.fingerprint = wanted
            answers: list[str] = []
            async with asyncio.timeout(10):
                while answers[-1:] != [wanted]:
                    answers.append(await search(len(answers)))
            assert answers == sorted(answers, reverse=wanted == "model-a")


async def test_a_token_of_a_page_belongs_to_its_model() -> None:
    """After the move it is INVALID_ARGUMENT, and after the way back good again."""
    async with two_encoders() as (server, *_):
        page = await server.stub.Search(sketch(limit=5), timeout=5)
        following = sketch(limit=5, page_token=page.next_page_token)
        for fingerprint, code in (("model-b", Code.INVALID_ARGUMENT), ("model-a", Code.OK)):
            server.reader.fingerprint = fingerprint
            await until(server, following, code)


@pytest.mark.parametrize("gallery", ["", "zoo"])
async def test_a_further_encoder_that_was_never_there_hides_no_mismatch(gallery: str) -> None:
    """A gallery that the own encoder does not fit is refused as before, and all are named."""
    async with bench(encoder_targets=[NOBODY]) as server:
        assert (await server.stub.Search(sketch(), timeout=5)).hits
        assert server.metric("sketchzoo_search_encoder_ready", encoder=NOBODY) == 0
        server.reader.beside("zoo").fingerprint = "model-c"
        server.reader.fingerprint = "model-c"
        await server.until_ready(state=False)
        error = await refused(server.stub.Search(sketch(gallery=gallery), timeout=5))
        assert error.code() is Code.FAILED_PRECONDITION
        assert [each.reason for each in details(error)] == ["MODEL_MISMATCH"]
        assert f"the encoder {NOBODY} is away" in (error.details() or "")


async def test_the_second_encoder_serves_what_the_first_is_to_serve() -> None:
    """While the service's own restarts with the model that another one has, nobody waits."""
    async with two_encoders() as (server, second, _):
        server.reader.fingerprint = "model-b"

        async def search() -> str:
            content = f"{second.calls} {server.encoder.calls}".encode()
            return str((await server.stub.Search(sketch(content), timeout=5)).model_fingerprint)

        async with asyncio.timeout(10):
            while await search() != "model-b":
                pass
            server.encoder.error = unavailable("the encoder", "restarting")
            for _ in range(5):
                assert await search() == "model-b"
            server.encoder.fingerprint, server.encoder.error = "model-b", None
            before = server.encoder.calls
            while server.encoder.calls == before:
                assert await search() == "model-b"
