"""Encoders that take images one by one, and in batches."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.encoder_service.bench import Bench, bench


@pytest.fixture(params=[1, 4], ids=["one by one", "in batches"])
async def either(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    with bench(request.param) as made:
        yield made
