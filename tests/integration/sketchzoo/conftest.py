"""A search service of three classes, and a sketch to ask it with."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.sketchzoo.zoo_service import crab_sketch, zoo_service


@pytest.fixture(scope="module")
def zoo() -> Iterator[str]:
    """Serve; the address."""
    with zoo_service() as target:
        yield target


@pytest.fixture(scope="module")
def sketch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Draw a crab."""
    return crab_sketch(tmp_path_factory.mktemp("sketch"))
