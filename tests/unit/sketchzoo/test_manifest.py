"""Manifests: rows one by one, and files below the folders where they may lie."""

import os
from pathlib import Path

import pytest

from sketchzoo.fetch import Url
from sketchzoo.manifest import Manifest, ManifestError, Row
from sketchzoo.places import LocalFile, OutsideError, Places, RowError, StoredFile


def manifest(folder: Path, text: str | bytes, **more: object) -> Manifest:
    folder.mkdir(exist_ok=True)
    path = folder / "photos.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Manifest(path, **more)  # type: ignore[arg-type]


def lines(found: Manifest) -> list[tuple[int, str]]:
    return [(row.line, row.problem or row.cells["path"]) for row in found.rows()]


def place(found: Manifest, path: str) -> Path:
    where = found.locate(Row(2, {"path": path}))
    assert isinstance(where, LocalFile)
    return where.real


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (b'cat,"%s"' % (b"x" * 140_000), "is not CSV: field larger than field limit (131072)"),
        (b"cat," + b"x" * 2_000_000, "is not CSV: its line has over 1,048,576 characters"),
        (b"cat", "has 1 cells; the header has 2"),
        (b"cat,a,b", "has 3 cells; the header has 2"),
        (b"c\xfft,a", "is not UTF-8"),
        (b'cat,"a"b', "is not CSV: ',' expected after '\"'"),
    ],
    ids=["cell", "line", "short", "long", "bytes", "quotes"],
)
def test_one_rows_fault_is_its_own(tmp_path: Path, row: bytes, problem: str) -> None:
    """Whatever is wrong with a row, the rows around it are read, with their own lines."""
    found = manifest(tmp_path, b"class,path\ncat,a.jpg\n" + row + b"\ncat,b.jpg\n")
    assert lines(found) == [(2, "a.jpg"), (3, problem), (4, "b.jpg")]


def test_row_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row of quoted lines that never ends is left at its limit: memory is bounded."""
    monkeypatch.setattr("sketchzoo.manifest._MAX_ROW", 1000)
    found = manifest(tmp_path, b"class,path\ncat" + b',"\n"' * 1000)
    assert "is not CSV: it has over 1,000 characters" in [problem for _, problem in lines(found)]


def test_cells_of_nul(tmp_path: Path) -> None:
    """NUL bytes are a cell's content; a path that has one is no file's."""
    found = manifest(tmp_path, b"class,path\ncat,a\0.jpg\ncat,b.jpg\n")
    first, second = found.rows()
    with pytest.raises(RowError, match="path must be a file's"):
        found.locate(first)
    assert found.locate(second)


def test_mark_and_blank_lines(tmp_path: Path) -> None:
    """A byte order mark, blanks around cells and empty lines are no part of the rows."""
    found = manifest(tmp_path, "\ufeff class , path\r\n\r\ncat , a.jpg \r\n")
    assert [row.cells for row in found.rows()] == [{"class": "cat", "path": "a.jpg"}]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"class,file", "must start with a header that names `class` and `path` or `url`, not"),
        (b"", "not nothing"),
        (b"class,path,path", "'path' is there twice"),
        (b"\xff\xfec\0", "as a UTF-8 CSV file"),
        (b"x" * 2_000_000, "its line has over 1,048,576 characters"),
    ],
)
def test_headers_that_cannot_be_used(tmp_path: Path, header: bytes, message: str) -> None:
    """Without a header that can be used there is no manifest, and the message names the file."""
    with pytest.raises(ManifestError, match=r"photos\.csv") as error:
        manifest(tmp_path, header)
    assert message in str(error.value)


@pytest.mark.parametrize("path", ["a.jpg", "deep/a.jpg", "deep/../a.jpg", "./a.jpg", "link.jpg"])
def test_files_below_the_manifest(tmp_path: Path, path: str) -> None:
    """A path below the manifest's folder is a file's, by whatever way; links are followed."""
    found = manifest(tmp_path / "zoo", "class,path\n")
    (tmp_path / "zoo" / "link.jpg").symlink_to("a.jpg")
    expected = "deep/a.jpg" if path == "deep/a.jpg" else "a.jpg"
    assert place(found, path) == tmp_path / "zoo" / expected
    assert place(found, str(tmp_path / "zoo" / path)) == tmp_path / "zoo" / expected


@pytest.mark.parametrize(
    "path",
    [
        "../private/x.png",
        "deep/../../private/x.png",
        "/etc/passwd",
        "link/x.png",
        "inner/x.png",
        "file.png",
        "../zoological/x.png",
    ],
)
def test_files_elsewhere_are_not_read(tmp_path: Path, path: str) -> None:
    """A path that leads out of the manifest's folder, by a link too, is refused."""
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "x.png").touch()
    found = manifest(tmp_path / "zoo", "class,path\n")
    (tmp_path / "zoo" / "link").symlink_to("../private")
    (tmp_path / "zoo" / "inner").symlink_to(tmp_path / "zoo" / "link")
    (tmp_path / "zoo" / "file.png").symlink_to(tmp_path / "private" / "x.png")
    with pytest.raises(OutsideError, match="path must be a file under the manifest's own folder"):
        place(found, path)


def test_folders_that_the_operator_names(tmp_path: Path) -> None:
    """Files may lie below a root that is given, be it by an absolute path or a relative one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    (tmp_path / "link").symlink_to(disk)
    found = manifest(tmp_path / "zoo", "class,path\n", roots=[tmp_path / "link"])
    for path in ("../disk/a.jpg", str(disk / "a.jpg"), str(tmp_path / "link" / "a.jpg")):
        assert place(found, path) == disk / "a.jpg"
    with pytest.raises(OutsideError):
        place(found, str(tmp_path / "a.jpg"))


def test_manifest_that_is_a_link(tmp_path: Path) -> None:
    """A manifest's folder is the one that its own path names."""
    manifest(tmp_path / "zoo", "class,path\n")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "m.csv").symlink_to(tmp_path / "zoo" / "photos.csv")
    assert place(Manifest(tmp_path / "here" / "m.csv"), "a.jpg") == tmp_path / "here" / "a.jpg"


def test_odd_paths_are_places_too(tmp_path: Path) -> None:
    """A path that is too long, or a loop of links, is looked at when it is read."""
    found = manifest(tmp_path, "class,path\n")
    (tmp_path / "loop").symlink_to("loop")
    for path in ("x" * 5000, "x/" * 3000, "loop/a.jpg", os.fsdecode(b"\xff.jpg")):
        assert place(found, path).is_relative_to(tmp_path)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example/1.jpg",
        "file:///etc/passwd",
        "http://",
        "http://[::1",
        "http://a.example:port/",
        "http://a.example:0/",
        "http://a.example/\n1.jpg",
        "javascript:1",
        "//a.example/1.jpg",
    ],
)
def test_urls_that_are_none(tmp_path: Path, url: str) -> None:
    """Only http and https urls with a host are fetched."""
    found = manifest(tmp_path, "class,url\n")
    with pytest.raises(RowError, match="its url must be an http or https URL"):
        found.locate(Row(2, {"url": url}))


@pytest.mark.parametrize("cells", [{}, {"path": "a.jpg", "url": "https://a.example/1.jpg"}])
def test_one_place_a_row(tmp_path: Path, cells: dict[str, str]) -> None:
    """A row has a path or a url, not both and not none."""
    found = manifest(tmp_path, "class,path,url\n")
    with pytest.raises(RowError, match="must have a path or a url"):
        found.locate(Row(2, cells))


def test_user_info_is_kept_apart() -> None:
    """What may be shown of a url has no user info; what is asked for has it."""
    url = Url.parse("https://ada:p%40ss@a.example:8443/@b/1.jpg?x=y@z")
    assert url.text == "https://a.example:8443/@b/1.jpg?x=y@z"
    assert url.user_info == "ada:p%40ss"
    assert "p%40ss" not in repr(url)
    assert Url.parse(url.whole) == url
    assert Url.parse(url.text).whole == url.text


@pytest.mark.parametrize(
    "text",
    ["ftp://ada:secret@a.example/", "http://ada:sec/ret@a.example:x/", "http://ada:secret@[/"],
)
def test_no_message_shows_user_info(text: str) -> None:
    """Where a url cannot be read, whatever may be user info is left out."""
    with pytest.raises(ValueError, match="must be an http or https URL") as error:
        Url.parse(text)
    assert "sec" not in str(error.value)
    assert "ret@" not in str(error.value)


def test_places_below_a_base_elsewhere() -> None:
    """The paths of a table in a bucket are objects below its folder, whatever bytes they have."""
    places = Places(None, base="s3://mine/zoo/", columns=("path", "uri"))
    found = places.locate({"path": "./owl//a b.jpg"})
    assert found == StoredFile("s3://mine/zoo/owl/a b.jpg")
    assert places.folder_of(found) == "owl"
    for path in ("../a.jpg", "owl/../../a.jpg", "/etc/passwd"):
        with pytest.raises(OutsideError):
            places.locate({"path": path})
    for uri in ("s3://mine/zoology/a.jpg", "s3://mine/zoo/../a.jpg", "file:///etc/passwd"):
        with pytest.raises(OutsideError):
            places.locate({"uri": uri})
    with pytest.raises(RowError, match="not UTF-8"):
        places.locate({"path": "\udcff.jpg"})
    with pytest.raises(RowError, match="must be a uri"):
        places.locate({"uri": "a.jpg"})
    web = Places(None, base="https://ada:pw@x.org/zoo/", columns=("path",))
    url = web.locate({"path": "owl/ö\udcff.jpg"})
    assert isinstance(url, Url)
    assert (url.text, url.user_info) == ("https://x.org/zoo/owl/%C3%B6%FF.jpg", "ada:pw")
    assert web.folder_of(url) == "owl"
