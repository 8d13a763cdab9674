"""Fetching photos for threads, from a real HTTP server."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sketchzoo.fetch import FetchLimits, Url
from sketchzoo.storage import StorageError, StorageReason
from sketchzoo.storage.web import Web
from tests.integration.fetch.site_server import Site, a_site, status

LIMIT = 10_000


@pytest.fixture
def site() -> Any:
    """Serve a site."""
    with a_site() as made:
        yield made


def refusal(url: str, **limits: Any) -> StorageError:
    limits.setdefault("allow_private_addresses", True)
    with Web(FetchLimits(**limits)) as web, pytest.raises(StorageError) as error:
        web.read(Url.parse(url), LIMIT)
    return error.value


def test_threads_fetch_side_by_side(site: Site) -> None:
    """Several threads fetch with one client, and each gets its own photo."""
    urls = [site.photo(f"/{n}.jpg", bytes([n]) * 1000) for n in range(20)]
    with Web(FetchLimits(allow_private_addresses=True)) as web, ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda url: web.read(Url.parse(url), LIMIT), urls))
    assert found == [bytes([n]) * 1000 for n in range(20)]


def test_each_failure_has_its_reason(site: Site) -> None:
    """What is gone, too large, private or failed is told apart."""
    site.answers["/busy"] = status(503)
    large = site.photo("/large.jpg", bytes(LIMIT + 1))
    error = refusal(f"{site.url}/missing")
    assert (error.reason, str(error)) == (StorageReason.NOT_FOUND, "is not there: HTTP 404")
    assert refusal(large).reason is StorageReason.TOO_LARGE
    error = refusal(f"{site.url}/busy", attempts=1)
    assert (error.reason, str(error)) == (
        StorageReason.FETCH_FAILED,
        "cannot be fetched: HTTP 503 (tried 1 times)",
    )
    error = refusal(large, allow_private_addresses=False)
    assert error.reason is StorageReason.PRIVATE_ADDRESS
    assert "--allow-private-addresses" in str(error)


def test_unused_web_costs_nothing() -> None:
    """Without a url neither loop nor client is begun, and closing is nothing."""
    with Web() as web:
        pass
    assert web._begun is None
