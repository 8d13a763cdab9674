"""Embedded Qdrant and an encoder with a tiny model, as processes, for all tests here."""

from collections.abc import Iterator
from itertools import count

import pytest

from sketchzoo.model import ModelArtefact
from tests.artefacts import EncoderProcess, encoder_process, tiny_model
from tests.contract.embedded_qdrant.server_process import ServerProcess
from tests.integration.gallery.service import GalleryService

_names = count()


@pytest.fixture(scope="session")
def qdrant_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run an embedded Qdrant."""
    with ServerProcess(tmp_path_factory.mktemp("qdrant") / "storage") as server:
        yield f"http://127.0.0.1:{server.port}"


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelArtefact:
    """Write a tiny model."""
    return tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def encoder(model: ModelArtefact) -> Iterator[EncoderProcess]:
    """Run an encoder with the tiny model."""
    with encoder_process(model.folder) as running:
        yield running


@pytest.fixture(scope="session")
def service(
    tmp_path_factory: pytest.TempPathFactory, qdrant_url: str, encoder: EncoderProcess
) -> Iterator[GalleryService]:
    """Run one service for all; each test has a gallery and pictures of its own."""
    folder = tmp_path_factory.mktemp("gallery")
    (folder / "nas").mkdir()
    environment = parts(qdrant_url, encoder)
    with GalleryService(folder, environment, roots=folder / "nas") as running:
        yield running


@pytest.fixture
def gallery() -> str:
    """Name a gallery of the test's own."""
    return f"album{next(_names)}"


@pytest.fixture
def environment(qdrant_url: str, encoder: EncoderProcess, gallery: str) -> dict[str, str]:
    """Say where the encoder and Qdrant are, and the test's gallery."""
    return {**parts(qdrant_url, encoder), "SKETCHZOO_GALLERY": gallery}


def parts(qdrant_url: str, encoder: EncoderProcess) -> dict[str, str]:
    """Return the settings that say where the encoder and Qdrant are."""
    return {
        "SKETCHZOO_QDRANT_URL": qdrant_url,
        "SKETCHZOO_ENCODER_TARGET": encoder.target,
        # A busy machine is no reason to fail.
        "SKETCHZOO_QDRANT_TIMEOUT_SECONDS": "60",
        "SKETCHZOO_LOG_FORMAT": "json",
    }
