"""Fetching in a test: a url in, its bytes or its failure out."""

import asyncio
from typing import Any

import pytest

from sketchzoo.fetch import Buffer, FetchError, FetchLimits, Url
from sketchzoo.fetch.fetcher import Fetcher


class Pauses(list[float]):
    """Takes the place of sleeping, and keeps how long it would have been."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)


def fetch(
    url: str, *, max_bytes: int = 100_000, pauses: Pauses | None = None, **more: Any
) -> bytes:
    """Return what lies at a url; this machine's own addresses are allowed."""
    more.setdefault("allow_private_addresses", True)

    async def run() -> bytes:
        sink = Buffer(max_bytes)
        sleep = Pauses() if pauses is None else pauses
        async with Fetcher(FetchLimits(**more), sleep) as fetcher:
            await fetcher.fetch(Url.parse(url), sink)
        return bytes(sink.content)

    return asyncio.run(run())


def failure(url: str, **more: Any) -> FetchError:
    """Return how fetching a url fails."""
    with pytest.raises(FetchError) as error:
        fetch(url, **more)
    return error.value
