"""Bodies that a server packed though it was not asked to."""

import gzip
import zlib

import pytest

from sketchzoo.fetch import Failure
from tests.integration.fetch.fetching import failure, fetch
from tests.integration.fetch.site_server import Site, packed, send

CONTENT = bytes(range(256)) * 100


def raw_deflate(content: bytes) -> bytes:
    packing = zlib.compressobj(wbits=-15)
    return packing.compress(content) + packing.flush()


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(CONTENT)),
        ("GZIP", gzip.compress(CONTENT[:100]) + gzip.compress(CONTENT[100:])),
        ("x-gzip", gzip.compress(CONTENT) + bytes(512)),
        ("deflate", zlib.compress(CONTENT)),
        ("deflate", raw_deflate(CONTENT)),
        ("identity", CONTENT),
    ],
)
def test_packed_bodies_are_unpacked(site: Site, encoding: str, body: bytes) -> None:
    """Gzip and deflate, as servers send them asked or not, are undone: it is the photo."""
    site.answers["/a.jpg"] = packed(body, encoding)
    assert fetch(f"{site.url}/a.jpg") == CONTENT


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip"])
def test_other_packings_are_refused_as_that(site: Site, encoding: str) -> None:
    """What cannot be undone is refused for its true reason."""
    site.answers["/a.jpg"] = packed(CONTENT, encoding)
    error = failure(f"{site.url}/a.jpg")
    assert error.failure is Failure.REFUSED
    assert f"was sent with content-encoding {encoding!r}" in str(error)


def test_bomb(site: Site) -> None:
    """A body that unpacks to gigabytes is left at the limit."""
    site.answers["/a.jpg"] = packed(gzip.compress(bytes(50_000_000)), "gzip")
    error = failure(f"{site.url}/a.jpg", max_bytes=100_000)
    assert (error.failure, str(error)) == (
        Failure.TOO_LARGE,
        "has over 100000 bytes; no more are taken",
    )


def test_endless_nothing(site: Site) -> None:
    """Members that unpack to nothing count by their own bytes."""
    site.answers["/a.jpg"] = packed(gzip.compress(b"") * 10_000, "gzip")
    assert failure(f"{site.url}/a.jpg").failure is Failure.TOO_LARGE


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (gzip.compress(CONTENT)[:-20], "ended in the middle of its content-encoding gzip"),
        (b"this is no gzip", "its content-encoding gzip is damaged"),
        (b"x", "ended in the middle"),
    ],
)
def test_damaged_packing(site: Site, body: bytes, message: str) -> None:
    """A packing that cannot be undone is asked for again, and then fails as that."""
    site.answers["/a.jpg"] = packed(body, "gzip")
    assert message in str(failure(f"{site.url}/a.jpg"))
    assert site.hits["/a.jpg"] == 3


def test_broken_packed_body_is_fetched_anew(site: Site) -> None:
    """What was unpacked in part is not gone on from: ranges are of what was packed."""
    body = gzip.compress(CONTENT)
    site.answers["/a.jpg"] = lambda handler, hit: (
        packed(body[:40], "gzip", len(body))(handler, hit) if hit == 1 else send(handler, CONTENT)
    )
    assert fetch(f"{site.url}/a.jpg") == CONTENT
    assert site.ranges == ["", ""]
