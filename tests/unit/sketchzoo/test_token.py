"""Tokens and keys, as files and environments hand them over."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from embedded_qdrant.settings import EmbeddedQdrantSettings
from encoder_service.settings import EncoderSettings
from live_demo.settings import LiveSettings
from search_service.settings import SearchSettings
from sketchzoo.settings import Settings
from sketchzoo.token import read_grants, read_token
from sketchzoo_ingest.settings import IngestSettings

SECRETS = [
    (EncoderSettings, "SKETCHZOO_ENCODER_TOKEN", "token"),
    (SearchSettings, "SKETCHZOO_SEARCH_TOKEN", "token"),
    (SearchSettings, "SKETCHZOO_ENCODER_CALL_TOKEN", "encoder_token"),
    (SearchSettings, "SKETCHZOO_QDRANT_API_KEY", "qdrant_api_key"),
    (IngestSettings, "SKETCHZOO_ENCODER_CALL_TOKEN", "encoder_token"),
    (IngestSettings, "SKETCHZOO_QDRANT_API_KEY", "qdrant_api_key"),
    (LiveSettings, "SKETCHZOO_SEARCH_CALL_TOKEN", "search_token"),
    (EmbeddedQdrantSettings, "SKETCHZOO_EMBEDDED_QDRANT_TOKEN", "token"),
    (EmbeddedQdrantSettings, "SKETCHZOO_EMBEDDED_QDRANT_API_KEY", "api_key"),
]


@pytest.mark.parametrize("text", ["hush\n", "hush\r\n", "\thush ", "\n\nhush\n\n"])
def test_what_surrounds_a_token_is_cut_off(text: str) -> None:
    """A token read from a file comes with a line break, which is not part of it."""
    assert read_token(text).get_secret_value() == "hush"


def test_blanks_inside_stay() -> None:
    """A header can carry a blank."""
    assert read_token("let me in").get_secret_value() == "let me in"


@pytest.mark.parametrize("text", ["two\nlines", "two\r\nlines", "nul\0", "bell\a!", "schlüssel"])
def test_what_no_header_can_carry_is_refused(text: str) -> None:
    """The message says which character, and does not show the token."""
    with pytest.raises(ValueError, match="no header can carry it: its character") as raised:
        read_token(text)
    assert text[:3] not in str(raised.value).replace("character", "").replace("carry", "")


@pytest.mark.parametrize("text", ["", " ", "\n", "\r\n\t"])
def test_a_blank_token_is_no_token(text: str) -> None:
    """An empty file must not mean that no token is asked for."""
    with pytest.raises(ValueError, match="blank"):
        read_token(text)


@pytest.mark.parametrize(("kind", "variable", "field"), SECRETS)
def test_every_secret_is_read_so(
    kind: type[Settings], variable: str, field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part's tokens and keys are trimmed, and refused where they are blank."""
    monkeypatch.setenv(variable, "hush\r\n")
    assert getattr(kind(), field).get_secret_value() == "hush"
    monkeypatch.setenv(variable, " \n")
    with pytest.raises(ValidationError, match="blank"):
        kind()


def test_several_tokens_are_read_each_with_its_galleries() -> None:
    """Lines or semicolons part them; one without galleries is good for every one."""
    text = "# a comment\nabc photos, holiday\n\n  def  ; ghi== zoo-2.b\r\n"
    grants = read_grants(text)
    assert [grant.token.get_secret_value() for grant in grants] == ["abc", "def", "ghi=="]
    assert [grant.galleries for grant in grants] == [{"photos", "holiday"}, None, {"zoo-2.b"}]
    assert "abc" not in repr(grants)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("abc\nsécret photos", "entry 2 must be TOKEN"),
        ("s3cret,photos", "entry 1 must be TOKEN"),
        ("s3cret ../etc", "a gallery's name must be"),
        ("s3cret photos,", "a gallery's name must be"),
        ("s3cret a;x y;s3cret b", "entry 3 has the token of another"),
        (";".join(f"t{n}" for n in range(1_001)), "over the 1,000"),
    ],
)
def test_what_is_no_list_of_tokens_is_refused(text: str, problem: str) -> None:
    """The message says which entry, and what would be right, and shows no token."""
    with pytest.raises(ValueError, match=problem) as raised:
        read_grants(text)
    assert "cret" not in str(raised.value).replace("`s3cret photos,holiday`", "")


def test_search_takes_tokens_of_settings_and_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them are good; a file without any is a mistake, not an open door."""
    file = tmp_path / "tokens"
    file.write_text("of-file holiday\n")
    monkeypatch.setenv("SKETCHZOO_SEARCH_TOKENS", "second photos; third")
    settings = SearchSettings(token="first", tokens_file=file)  # noqa: S106 - of a test
    named = {grant.token.get_secret_value(): grant.galleries for grant in settings.grants()}
    assert named == {"first": None, "second": {"photos"}, "third": None, "of-file": {"holiday"}}
    file.write_text("# none yet\n")
    with pytest.raises(ValueError, match=r"tokens_file .* holds no token"):
        settings.grants()
    file.write_text("one two three/four\n")
    with pytest.raises(ValueError, match=r"tokens_file .* entry 1 must be"):
        settings.grants()
