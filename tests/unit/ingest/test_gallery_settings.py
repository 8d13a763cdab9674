"""The gallery service's settings: who is let in, and where photos are kept."""

from pathlib import Path
from typing import Any

import pytest

from sketchzoo_ingest.gallery_service.settings import GallerySettings


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_this_machine_alone_needs_no_token(host: str) -> None:
    """What listens for nobody else asks for none."""
    assert GallerySettings(host=host).token is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "gallery"])  # noqa: S104 - refused
def test_who_lets_others_in_asks_for_a_token(host: str) -> None:
    """Without a token, or mTLS, it does not start."""
    with pytest.raises(ValueError, match="token"):
        GallerySettings(host=host)


@pytest.mark.parametrize(
    "proof",
    [
        {"token": "s3cret"},
        {"tokens": "s3cret photos"},
        {"tokens_file": Path("tokens")},
        {"tls_certificate": Path("a"), "tls_key": Path("b"), "tls_client_ca": Path("c")},
    ],
)
def test_each_proof_will_do(proof: dict[str, Any]) -> None:
    """One token, several, a file of them, or certificates."""
    GallerySettings(host="::", **proof)


def test_a_bucket_needs_a_folder_for_what_is_on_its_way() -> None:
    """Pieces are written to this machine first; a folder has them inside of itself."""
    with pytest.raises(ValueError, match="spool"):
        GallerySettings(store="s3://bucket/kept")
    assert GallerySettings(store="s3://bucket/kept", spool=Path("/spool")).store
    assert GallerySettings(store="/kept").spool is None
