"""Names and origins."""

import pytest

from live_demo.origins import Origins


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8080", "zoo.localhost", "127.0.0.1:80", "[::1]:8080", "10.0.0.7"],
)
def test_local_names_and_plain_addresses_are_served(host: str) -> None:
    """Nobody can make them point elsewhere."""
    assert Origins((), ()).serves(host)


@pytest.mark.parametrize(
    "host", [None, "", "evil.example", "127.0.0.1.evil.example", "[::1", "a b"]
)
def test_other_names_are_not_served(host: str | None) -> None:
    """A stranger's name could have been made to point here."""
    assert not Origins((), ()).serves(host)


def test_a_name_is_served_once_it_is_allowed() -> None:
    """By its name, whatever its case and port, or by a star."""
    assert Origins(("Zoo.example",), ()).serves("zoo.EXAMPLE:443")
    assert not Origins(("zoo.example",), ()).serves("sub.zoo.example")
    assert Origins(("*",), ()).serves("any.example")


@pytest.mark.parametrize(
    ("origin", "host", "trusted"),
    [
        ("http://localhost:8080", "localhost:8080", True),
        ("https://zoo.example", "zoo.example", True),
        ("https://friend.example", "zoo.example", True),
        ("http://localhost:8081", "localhost:8080", False),
        ("https://evil.example", "zoo.example", False),
        ("https://friend.example.evil.example", "zoo.example", False),
        ("file://", "", False),
        ("null", "zoo.example", False),
        ("", "zoo.example", False),
        (None, "zoo.example", False),
        ("http://zoo.example", None, False),
    ],
)
def test_only_own_and_allowed_origins_are_trusted(
    origin: str | None, host: str | None, *, trusted: bool
) -> None:
    """The page's own origin is the one it was asked under."""
    assert Origins((), ("https://friend.example/",)).trusts(origin, host) is trusted
