"""What both clients take over real sockets: pictures, sizes, values, tokens."""

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import SecretStr

from sketchzoo.client import (
    Overloaded,
    Query,
    TooLarge,
)
from tests.contract.client.clients import DRAWING, FakeSearch, fake
from tests.unit.search_service.fakes import bench


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
