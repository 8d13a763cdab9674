"""Embedded Qdrant and an encoder with a tiny model, as processes, for all tests here."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from sketchzoo.fetch import FetchLimits
from sketchzoo.model import ModelArtefact
from sketchzoo.storage import Storage
from tests.artefacts import EncoderProcess, encoder_process, tiny_model
from tests.contract.embedded_qdrant.server_process import ServerProcess
from tests.integration.ingest.gallery import Gallery

_aliases = count()


@pytest.fixture(scope="session")
def qdrant_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run an embedded Qdrant."""
    with ServerProcess(tmp_path_factory.mktemp("qdrant") / "storage") as server:
        yield f"http://127.0.0.1:{server.port}"


@pytest.fixture
def gallery(qdrant_url: str) -> Iterator[Gallery]:
    """Look at what lies in it."""
    gallery = Gallery(qdrant_url)
    yield gallery
    gallery.close()


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelArtefact:
    """Write a tiny model, slow enough that runs can be met in the middle."""
    return tiny_model(tmp_path_factory.mktemp("model"), work=1)


@pytest.fixture(scope="session")
def encoder(model: ModelArtefact) -> Iterator[EncoderProcess]:
    """Run an encoder with the tiny model."""
    with encoder_process(model.folder) as running:
        yield running


@pytest.fixture
def alias() -> str:
    """Name an alias of the test's own: its collections are its own as well."""
    return f"test{next(_aliases)}"


@pytest.fixture
def environment(qdrant_url: str, encoder: EncoderProcess, alias: str) -> dict[str, str]:
    """Say where the encoder and Qdrant are, and the test's alias."""
    return {
        "SKETCHZOO_QDRANT_URL": qdrant_url,
        "SKETCHZOO_ENCODER_TARGET": encoder.target,
        "SKETCHZOO_GALLERY": alias,
        # A busy machine is no reason to fail.
        "SKETCHZOO_QDRANT_TIMEOUT_SECONDS": "60",
        "SKETCHZOO_LOG_FORMAT": "json",
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make an empty folder for photos."""
    path = tmp_path / "zoo"
    path.mkdir()
    return path


@pytest.fixture
def storage() -> Iterator[Storage]:
    """Reach buckets and urls, those of this machine too."""
    with Storage(limits=FetchLimits(seconds=10, allow_private_addresses=True)) as opened:
        yield opened
