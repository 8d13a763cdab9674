"""Ingest's settings."""

import pytest
from pydantic import ValidationError

from encoder_service.settings import EncoderSettings
from sketchzoo.cli.options import environment_name
from sketchzoo_ingest.settings import IngestSettings


def test_prefixes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the environment, several prefixes are separated by commas."""
    monkeypatch.setenv("SKETCHZOO_INGEST_URI_PREFIX", "/a=http://a.org, /b=s3://b")
    assert [prefix.uri for prefix in IngestSettings().uri_prefixes()] == ["http://a.org", "s3://b"]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("uri_prefix", ("nonsense",), "FOLDER=URI"),
        ("buffer_bytes", 1000, "buffer_bytes must be at least 16777216"),
        ("batch_bytes", 16 * 2**20, r"batch_bytes must be .* encoder_max_message_bytes \(16777216"),
        ("batch_size", 65, "less than or equal to 64"),
        ("max_bad", 1.5, "less than or equal to 1"),
    ],
)
def test_nonsense_is_refused(field: str, value: object, message: str) -> None:
    """A value that cannot be is refused, and the message says what would be right."""
    with pytest.raises(ValidationError, match=message):
        IngestSettings(**{field: value})  # type: ignore[arg-type]


def test_encoder_and_qdrant_are_shared_names() -> None:
    """The encoder and Qdrant are named by the same variables as for search."""
    assert environment_name(IngestSettings, "encoder_target") == "SKETCHZOO_ENCODER_TARGET"
    assert environment_name(IngestSettings, "qdrant_url") == "SKETCHZOO_QDRANT_URL"
    assert environment_name(IngestSettings, "batch_size") == "SKETCHZOO_INGEST_BATCH_SIZE"


def test_larger_batches_need_an_encoder_that_takes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """The encoder's own variable tells ingest what a call may hold."""
    monkeypatch.setenv("SKETCHZOO_ENCODER_MAX_MESSAGE_BYTES", str(32 * 2**20))
    settings = IngestSettings(batch_bytes=24 * 2**20)
    assert EncoderSettings().max_message_bytes == settings.encoder_max_message_bytes


def test_roots_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders of manifests' files come one by one, or with commas from the environment."""
    monkeypatch.setenv("SKETCHZOO_INGEST_MANIFEST_ROOT", "/a, /b c")
    assert IngestSettings().manifest_root == ("/a", "/b c")
    assert IngestSettings(manifest_root=("s3://bucket/x",)).manifest_root == ("s3://bucket/x",)


def test_whole_fetch_is_bounded_by_one_setting() -> None:
    """No pause is shorter than the time of a fetch allows: only that time counts."""
    limits = IngestSettings(fetch_seconds=600).fetch_limits()
    assert (limits.seconds, limits.max_wait_seconds) == (600, 600)
    assert not limits.allow_private_addresses
