"""Fixtures for both clients."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from sketchzoo.client import AsyncClient, Client
from tests.contract.client.clients import Twin


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
