"""A site to fetch from."""

from collections.abc import Iterator

import pytest

from tests.integration.fetch.site_server import Site, a_site


@pytest.fixture
def site() -> Iterator[Site]:
    """Serve a site."""
    with a_site() as made:
        yield made


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the machine's own proxies out of it."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
