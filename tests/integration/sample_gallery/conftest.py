"""A site and a manifest to fetch a sample by."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.fetch.site_server import HEADER, Site, a_site
from tests.integration.sample_gallery.fetched import Manifest


@pytest.fixture
def site() -> Iterator[Site]:
    """Serve a site."""
    with a_site() as made:
        yield made


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """Give what writes a manifest of rows: where, class, and what is known more."""

    def write(*rows: tuple[str, ...]) -> Path:
        path = tmp_path / "manifest.csv"
        lines = []
        for where, label, *more in rows:
            sha256, size, crop = (*more, "", "", "")[:3]
            lines.append(
                f'{where},{label},"Ada, L.",CC BY 2.0,https://licence.example/by,'
                f"https://page.example/1,{sha256},{size},{crop}\n"
            )
        path.write_text(HEADER + "".join(lines))
        return path

    return write
