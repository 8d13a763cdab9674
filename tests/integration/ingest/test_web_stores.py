"""Photos behind urls: a server's pages, tables and tar files."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sketchzoo.storage import Storage
from sketchzoo_ingest.outcome import Reason, Refusal
from sketchzoo_ingest.sources import Candidate, open_source
from tests.integration.fetch.site_server import Site, a_site
from tests.integration.ingest.stored import FILES, archive, in_folder, listed, table


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return in_folder(tmp_path / "zoo")


@pytest.fixture
def site() -> Iterator[Site]:
    with a_site() as made:
        yield made


def page(site: Site, path: str, *links: str) -> None:
    rows = "".join(f'<li><a href="{link}">x</a>' for link in links)
    site.photo(path, f"<html><ul>{rows}</ul></html>".encode())


def test_folders_behind_urls(site: Site, storage: Storage) -> None:
    """A server's index pages are folders: what they link to right below themselves is listed."""
    page(site, "/zoo/", "?C=N;O=D", "../", "/", "owl/", "/zoo/swan/", "https://example.org/x.jpg")
    page(site, "/zoo/owl/", "a%20b.jpg", "./c.jpg", "c.jpg", "deep/d.jpg", ".h.jpg", "n.txt")
    page(site, "/zoo/swan/", "e.jpg")
    for path in ("owl/a%20b.jpg", "owl/c.jpg", "swan/e.jpg"):
        site.photo(f"/zoo/{path}", path.encode())
    source = open_source(f"{site.url}/zoo/", storage)
    found = listed(source)
    assert [(c.class_name, c.folder, c.file_name) for c in found] == [
        ("owl", "owl", "a b.jpg"),
        ("owl", "owl", "c.jpg"),
        ("swan", "swan", "e.jpg"),
    ]
    assert source.read(found[0], 100) == b"owl/a%20b.jpg"
    assert source.root == f"{site.url}/zoo/"
    with pytest.raises(ValueError, match="ends in a slash"):
        open_source(f"{site.url}/zoo", storage)


def test_pages_without_end_are_listed_so_deep_and_no_further(site: Site, storage: Storage) -> None:
    """A server that answers every url with the same page has folders for ever."""
    for depth in range(80):
        page(site, "/zoo/" + "x/" * depth, "x/", "a.jpg")
    entries = list(open_source(f"{site.url}/zoo/", storage).candidates())
    assert len([entry for entry in entries if isinstance(entry, Candidate)]) == 65
    [refusal] = [entry for entry in entries if isinstance(entry, Refusal)]
    assert (refusal.reason, "64 folders deep" in refusal.message) == (Reason.UNREADABLE, True)


def test_tables_and_shards_behind_urls(site: Site, storage: Storage, folder: Path) -> None:
    """A manifest and a tar file behind urls are read as those in a folder are."""
    site.photo("/zoo/photos.csv", table(folder / "photos.csv", "path", ""))
    found = listed(open_source(f"{site.url}/zoo/photos.csv", storage))
    assert [c.folder for c in found] == [file.rpartition("/")[0] for file in FILES]
    assert found[-1].uri.startswith(f"{site.url}/zoo/owl/deep/%C3%B6%20%26%20%23.jpg")
    tar, _ = archive(folder)
    source = open_source(site.photo("/zoo.tar", tar.read_bytes()), storage)
    assert {source.read(each, 10**6) for each in listed(source)} == set(FILES.values())


def test_a_signature_is_part_of_a_uri_alone(site: Site, storage: Storage, folder: Path) -> None:
    """A presigned url is read by its query; names, origins and messages go without."""
    signed = "?X-Amz-Signature=secret"
    tar, _ = archive(folder)
    shards = open_source(site.photo(f"/zoo.tar{signed}", tar.read_bytes()), storage)
    rows = table(folder / "photos.csv", "path", "")
    manifest = open_source(site.photo(f"/photos.csv{signed}", rows), storage)
    told = [shards.name, manifest.name, *(each.origin for each in listed(shards))]
    told += [each.origin for each in listed(manifest)]
    for name in ("none.tar", "none.csv", "none.parquet", "none"):
        with pytest.raises(ValueError, match="none") as error:
            open_source(f"{site.url}/{name}{signed}", storage)
        told.append(str(error.value))
    assert "secret" not in " ".join(told)
    first = listed(shards)[0]
    assert shards.read(first, 10**6) in FILES.values()


def test_password_of_a_url_is_shown_nowhere(site: Site, storage: Storage) -> None:
    """User info in a source's url goes to its server, and into no uri, name or message."""
    page(site, "/zoo/", "owl/")
    page(site, "/zoo/owl/", "a.jpg")
    url = site.url.replace("//", "//ada:secret@")
    source = open_source(f"{url}/zoo/", storage)
    [candidate] = listed(source)
    assert site.headers[-1]["authorization"].startswith("Basic ")
    told = f"{source.name} {source.root} {candidate!r}"
    for name in ("none/", "none.tar", "none.csv", "none.parquet", "none"):
        with pytest.raises(ValueError, match="none") as error:
            open_source(f"{url}/{name}", storage)
        told += str(error.value)
    assert "secret" not in told
