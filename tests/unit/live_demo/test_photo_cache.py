"""The cache of photos."""

from typing import Any

from prometheus_client import CollectorRegistry
from starlette.requests import Request

from live_demo.metrics import LiveMetrics
from live_demo.photos import Photos

SIDE = 320


class FakeSearcher:
    """Has every photo, as so many bytes."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.asked = list[str]()

    async def photo(self, photo_id: str, side: int) -> tuple[bytes, str]:
        self.asked.append(photo_id[-1])
        return bytes(self.size), "image/jpeg"


async def asked_for(keys: str, size: int, cache_bytes: int) -> str:
    """Ask for the photos of these keys in turn; return those that search was asked for."""
    fake = FakeSearcher(size)
    searcher: Any = fake
    photos = Photos(searcher, LiveMetrics(CollectorRegistry()), cache_bytes)
    for key in keys:
        photo_id = f"0f8fad5b-d9cb-469f-a165-70867728950{key}"
        path = {"photo_id": photo_id, "side": SIDE}
        answer = await photos.answer(Request({"type": "http", "headers": [], "path_params": path}))
        assert (answer.status_code, len(answer.body)) == (200, size)
    return "".join(fake.asked)


async def test_the_photos_asked_for_longest_ago_make_room() -> None:
    """No more bytes are kept than allowed; what was asked for lately stays."""
    assert await asked_for("abacab", size=5, cache_bytes=10) == "abcb"


async def test_a_photo_larger_than_the_cache_is_sent_all_the_same() -> None:
    """It is not kept."""
    assert await asked_for("aa", size=5, cache_bytes=4) == "aa"
