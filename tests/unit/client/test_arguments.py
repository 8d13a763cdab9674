"""Arguments: what makes no sense is refused by its name, before anything is sent."""

import math
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sketchzoo.client import (
    AsyncClient,
    Client,
    ClientTls,
    Embedding,
    Query,
    Range,
    TooLarge,
)
from sketchzoo.client.arguments import token
from sketchzoo.client.calls import batch, photo

NOT_WHOLE = ["5", 1.5, 5.0, True, None, [5], math.nan, b"5", np.array([5, 6])]
NOT_NUMBERS = ["5", True, [5.0], b"5", 1j, np.array([5.0, 6.0]), math.nan, {}]
NOT_STRINGS = [7, b"cat", 1.5, True, ["cat"], Path("cat")]
NOT_LISTS = ["cat", b"cat", 7, {"cat": 1}, [7], [None], ["cat", b"dog"], [["cat"]]]
NOT_FLAGS = [1, 0, "yes", None, "False"]
wrong = (TypeError, ValueError)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("limit", [*NOT_WHOLE, 0, -1, 1001, 10**30]),
        ("min_score", [*NOT_NUMBERS, -0.1, 1.1, math.inf]),
        ("photo_id", NOT_STRINGS),
        ("page_token", [*NOT_STRINGS, None]),
        ("liked", NOT_LISTS),
        ("disliked", NOT_LISTS),
        ("classes", NOT_LISTS),
        ("excluded_classes", NOT_LISTS),
        ("exact", NOT_FLAGS),
        ("include_payload", NOT_FLAGS),
        ("include_embedding", NOT_FLAGS),
        ("embedding", [(1.0, 2.0), np.ones(3), "abc", b"abc"]),
        ("where", ["year", [("year", 1999)], 7, {7: "x"}, {b"year": 7}]),
    ],
)
def test_a_value_of_another_kind_is_refused_by_its_name(name: str, values: list[Any]) -> None:
    """Strings for numbers, one for several, bools for whole numbers: each is named."""
    for value in values:
        given: dict[str, Any] = {name: value}
        if name not in ("photo_id", "embedding"):
            given["sketch"] = b"x"
        with pytest.raises(wrong, match=rf"^{name}\b"):
            Query(**given)


def test_the_string_that_should_be_a_list_is_shown_as_one() -> None:
    """The commonest slip: the message has what to write."""
    with pytest.raises(TypeError, match=r"classes must be a list of strings.*\['cat'\]"):
        Query(b"x", classes="cat")


@pytest.mark.parametrize(
    "wanted",
    [1.5, None, {"a": 1}, b"abc", bytearray(b"abc"), [1.5], [None], [b"x"], 2**63, [-(2**63) - 1]],
)
def test_a_condition_that_compares_with_nothing_is_refused(wanted: Any) -> None:
    """By its field, and also among the values of a list."""
    with pytest.raises(wrong, match=r"^where\['year'\]"):
        Query(b"x", where={"year": wanted})


@pytest.mark.parametrize("bound", [*NOT_NUMBERS, 10**400])
def test_a_range_has_numbers_for_bounds(bound: Any) -> None:
    """The bound is named."""
    with pytest.raises(wrong, match="Range's gte"):
        Range(gte=bound)


@pytest.mark.parametrize(
    "vector", ["abc", b"abc", 7, {}, [], [1, "2"], [[1.0]], [math.nan], [math.inf], [1e39]]
)
def test_an_embedding_is_made_of_numbers(vector: Any) -> None:
    """None that float32 can't hold."""
    with pytest.raises(wrong, match=r"^vector"):
        Embedding(vector, "m")


def test_half_a_surrogate_is_no_text() -> None:
    """Protobuf would fail over it, with an error of its own."""
    for values in ({"classes": ["\udc80"]}, {"where": {"f": "\ud800"}}, {"where": {"\ud800": 1}}):
        given: Any = values
        with pytest.raises(ValueError, match="surrogate"):
            Query(b"x", **given)


def test_numpys_values_are_as_good_as_pythons() -> None:
    """Whole numbers, floats, bools, strings and arrays of them."""
    numbers: Any = np.array([1999, 2000])
    query = Query(
        b"x",
        limit=np.int64(5),  # type: ignore[arg-type] # that is the test
        min_score=np.float32(0.5),  # type: ignore[arg-type] # the same
        classes=np.array(["cat", "dog"]),  # type: ignore[arg-type] # the same
        where={"year": numbers, "tame": np.True_, "iso": Range(gte=np.int16(100))},  # type: ignore[dict-item] # the same
    )
    message = query.message()
    assert (message.limit, message.min_score) == (5, 0.5)
    assert list(message.filter.classes) == ["cat", "dog"]
    year, tame, iso = message.filter.fields
    assert [value.int_value for value in getattr(year, "in").values] == [1999, 2000]
    assert tame.equals.bool_value
    assert iso.range.gte == 100
    vector: Any = np.array([1, 0.5], np.float32)
    assert Embedding(vector, "m").vector == (1.0, 0.5)


def test_what_can_be_read_once_is_kept() -> None:
    """Generators serve every message that a query makes."""
    query = Query(
        b"x",
        classes=(name for name in ("cat", "dog")),  # type: ignore[arg-type] # that is the test
        where={"year": (year for year in (1999, 2000))},  # type: ignore[dict-item] # the same
    )
    assert query.message() == query.message()
    assert list(query.message().filter.classes) == ["cat", "dog"]


def test_none_is_no_condition() -> None:
    """Whoever passes on what was not given says so with None."""
    given: Any = dict.fromkeys(("liked", "classes", "excluded_classes", "where", "min_score"))
    assert not Query(b"x", **given).message().HasField("filter")


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("target", [*NOT_STRINGS, None, "", " ", "http://127.0.0.1:50052", "https://zoo"]),
        ("token", [*NOT_STRINGS, "\n", "open\nsesame", "ö", "a\0b", "\x7f"]),
        ("tls", ["ca.pem", True, Path("ca.pem")]),
        ("timeout", [*NOT_NUMBERS, None, 0, -1, math.inf, 1e9]),
        ("retries", [*NOT_WHOLE, -1]),
        ("max_message_bytes", [*NOT_WHOLE, 0, 2**31]),
    ],
)
def test_a_client_refuses_what_it_cannot_be_made_with(
    kind: Any, name: str, values: list[Any]
) -> None:
    """A deadline that is none, a URL, a token that no header can carry."""
    for value in values:
        given: dict[str, Any] = {"target": "127.0.0.1:1", name: value}
        with pytest.raises(wrong, match=rf"^{name}\b"):
            kind(**given)


def test_a_token_never_shows() -> None:
    """Not in the error that refuses it either."""
    with pytest.raises(ValueError, match="token") as caught:
        token("open\nsesame")
    assert "sesame" not in str(caught.value)


def test_a_token_is_taken_as_its_file_has_it() -> None:
    """Editors and `echo` end files with a newline."""
    assert token("open sesame\n") == token(" open sesame\r\n") == "open sesame"
    assert token("") is token(None) is None


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a certificate and its private key."""
    folder = tmp_path_factory.mktemp("pem")
    certificate, key = folder / "some.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-subj", "/CN=zoo", "-out", certificate, "-keyout", key),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


def test_tls_takes_paths_of_either_kind(pem: tuple[Path, Path]) -> None:
    """Strings and Paths."""
    certificate, key = pem
    ClientTls(str(certificate)).credentials()
    ClientTls(certificate, str(certificate), str(key)).credentials()


def test_tls_without_a_ca_trusts_whom_everybody_does(pem: tuple[Path, Path]) -> None:
    """For services behind public certificates; a certificate can be shown there, too."""
    ClientTls().credentials()
    ClientTls(certificate=pem[0], key=pem[1]).credentials()


@pytest.mark.parametrize("name", ["ca", "certificate", "key"])
@pytest.mark.parametrize("value", [7, True, b"ca.pem", ["ca.pem"]])
def test_tls_takes_nothing_but_paths(pem: tuple[Path, Path], name: str, value: Any) -> None:
    """The argument is named."""
    given: dict[str, Any] = {"ca": pem[0], "certificate": pem[0], "key": pem[1], name: value}
    with pytest.raises(TypeError, match=rf"^{name} must be the path"):
        ClientTls(**given)


def test_a_file_that_is_no_certificate_is_named(tmp_path: Path) -> None:
    """Junk, and one that is not there."""
    junk = tmp_path / "junk.pem"
    junk.write_text("junk")
    with pytest.raises(ValueError, match=r"junk\.pem"):
        ClientTls(junk).credentials()
    with pytest.raises(FileNotFoundError, match=r"no\.pem"):
        ClientTls(str(tmp_path / "no.pem")).credentials()


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"photo_id": 7}, "photo_id"),
        ({"photo_id": "x", "max_side": "64"}, "max_side"),
        ({"photo_id": "x", "max_side": 64.5}, "max_side"),
        ({"photo_id": "x", "max_side": -1}, "max_side"),
        ({"photo_id": "x", "max_side": 2**32}, "max_side"),
        ({"photo_id": "x", "original": 1}, "original"),
    ],
)
def test_a_photo_is_asked_for_in_its_own_terms(given: Any, name: str) -> None:
    """Its id is a string, its side a whole number of pixels."""
    with pytest.raises(wrong, match=rf"^{name}\b"):
        photo(**{"max_side": None, "original": False, **given})


def test_a_batch_tells_which_query_is_wrong() -> None:
    """The note stands below the error, as Python shows it."""
    with pytest.raises(TypeError, match="sketch must be") as caught:
        batch([b"x", 7], 1_000)
    assert caught.value.__notes__ == ["in queries[1]"]


def test_a_batch_is_gathered_no_further_than_it_can_be_sent() -> None:
    """Neither without end, nor beyond the bytes of a message."""
    taken = 0

    def endless(size: int) -> Any:
        nonlocal taken
        while True:
            taken += 1
            yield bytes(size)

    with pytest.raises(ValueError, match="queries must be 64 at most"):
        batch(endless(1), 1_000_000)
    assert taken == 65
    taken = 0
    with pytest.raises(TooLarge, match="send fewer"):
        batch(endless(400), 1_000)
    assert taken == 3
