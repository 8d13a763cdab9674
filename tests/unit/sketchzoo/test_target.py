"""Addresses of servers, and why one cannot be reached."""

import pytest

from sketchzoo.rpc.reasons import plain
from sketchzoo.rpc.target import check_target


@pytest.mark.parametrize(
    "target",
    [
        "127.0.0.1:50052",
        "search:1",
        "[::1]:50052",
        "[fe80::1%eth0]:1",
        "dns:///search:50052",
        "unix:/run/s",
    ],
)
def test_a_name_that_grpc_knows_is_taken(target: str) -> None:
    """Host and port, an IPv6 address in brackets, and gRPC's own schemes."""
    assert check_target(target) == target


@pytest.mark.parametrize(
    "target",
    [
        "",
        "127.0.0.1",
        "127.0.0.1:abc",
        "127.0.0.1:0",
        "a:99999",
        "::1:3",
        "a b:1",
        "dns:///",
        "http://127.0.0.1:50052",
        "https://search",
        "127.0.0.1:50052/",
    ],
)
def test_what_names_no_server_is_refused(target: str) -> None:
    """The message shows how one is written, and what was given."""
    with pytest.raises(ValueError, match="host:port") as refused:
        check_target(target)
    assert repr(target) in str(refused.value)


# As grpc 1.85 writes them.
REFUSED = (
    "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: Failed to "
    "connect to remote host: Connection refused"
)
UNKNOWN = (
    "errors resolving no.invalid:1: [field:hostname lookup error:address lookup failed for "
    "no.invalid:1: Domain name not found]"
)
PLAIN_TEXT = (
    "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:4: Tls handshake "
    "failed (TSI_PROTOCOL_FAILURE): SSL_ERROR_SSL: error:100000f7:SSL routines:"
    "OPENSSL_internal:WRONG_VERSION_NUMBER: Invalid certificate verification context: OK"
)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (REFUSED, "nothing listens"),
        (UNKNOWN, "host name"),
        (PLAIN_TEXT, "plain text, not TLS"),
        ("the encoder is away: it loads", "the encoder is away: it loads"),
    ],
)
def test_grpcs_texts_become_plain_words(said: str, words: str) -> None:
    """Nobody must know gRPC's code to see what is wrong with an address."""
    assert words in plain(said)
    assert "last error" not in plain(said)
