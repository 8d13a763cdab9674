"""Listing a CSV manifest."""

from pathlib import Path

import pytest

from sketchzoo_ingest.outcome import Reason, Refusal, RefusedError
from sketchzoo_ingest.sources import Candidate, ManifestSource, open_source


def manifest(tmp_path: Path, text: str | bytes) -> ManifestSource:
    path = tmp_path / "photos.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    source = open_source(str(path))
    assert isinstance(source, ManifestSource)
    return source


def listed(source: ManifestSource) -> list[Candidate]:
    return [entry for entry in source.candidates() if isinstance(entry, Candidate)]


def refused(source: ManifestSource) -> list[tuple[str, Reason]]:
    return [
        (entry.origin.rsplit(":", 1)[1], entry.reason)
        for entry in source.candidates()
        if isinstance(entry, Refusal)
    ]


def test_path_and_url_rows(tmp_path: Path) -> None:
    """A row has a path, relative to the manifest, or a url, which is its uri."""
    (tmp_path / "a.jpg").write_bytes(b"12345")
    source = manifest(tmp_path, "class,path,url\ncat,a.jpg,\ndog,,https://example.org/d.jpg\n")
    cat, dog = listed(source)
    assert (cat.class_name, cat.uri, cat.size) == ("cat", (tmp_path / "a.jpg").as_uri(), 5)
    assert (dog.class_name, dog.uri, dog.size) == ("dog", "https://example.org/d.jpg", None)
    assert source.read(cat, 10) == b"12345"


def test_further_columns_become_payload(tmp_path: Path) -> None:
    """Further columns are payload fields with the type that all their rows agree on."""
    source = manifest(
        tmp_path,
        "path,class,year,weight,wild,licence,code,mixed\n"
        "a.jpg,cat,1999,4.5,true,CC BY,007,1\n"
        "b.jpg,cat,2001,4,FALSE,,012,x\n",
    )
    first, second = (candidate.payload for candidate in listed(source))
    assert first == {
        "year": 1999,
        "weight": 4.5,
        "wild": True,
        "licence": "CC BY",
        "code": "007",
        "mixed": "1",
    }
    assert second == {"year": 2001, "weight": 4.0, "wild": False, "code": "012", "mixed": "x"}
    assert isinstance(second["weight"], float)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("path,class,sha256", "'sha256' has the name of a field that ingest itself writes"),
        ("path,class,ingested_at", "call it something else"),
        ("path,class,a.b", "must be named with letters"),
        ("path,class,x,x", "'x' is there twice"),
        ("path,path,class", "is there twice"),
        ("name,class", "must start with a header that names `path` or `url` or `uri`"),
        ("class,file", "not 'class', 'file'"),
        ("", "not nothing"),
    ],
)
def test_bad_headers_are_refused(tmp_path: Path, header: str, message: str) -> None:
    """A header that cannot be used is refused before anything starts, and says why."""
    with pytest.raises(ValueError, match=r"photos\.csv") as error:
        manifest(tmp_path, header + "\n")
    assert message in str(error.value)


def test_bad_rows_spare_the_others(tmp_path: Path) -> None:
    """A bad row is refused under its line; the rows after it are listed."""
    source = manifest(
        tmp_path,
        b"class,path,url\n"
        b"cat,a.jpg\n"  # too short
        b"cat,,\n"  # neither
        b"cat,a.jpg,https://example.org/a.jpg\n"  # both
        b"cat,,ftp://example.org/a.jpg\n"
        b"cat,,file:///etc/passwd\n"
        b"cat,,http://[bad/a.jpg\n"
        b"c\xfft,a.jpg,\n"  # not UTF-8
        b'cat,"a"x.jpg,\n'  # not CSV
        b"\n"
        b"cat,last.jpg,\n",
    )
    assert [candidate.location for candidate in listed(source)] == [str(tmp_path / "last.jpg")]
    assert refused(source) == [(str(line), Reason.BAD_ROW) for line in (2, 3, 4, 5, 6, 7, 8, 9)]


def test_byte_order_mark_and_quotes(tmp_path: Path) -> None:
    """A manifest saved by a spreadsheet, with a mark and quoted line breaks, is read."""
    source = manifest(tmp_path, '\ufeffclass,path,note\r\ncat,a.jpg,"two\r\nlines"\r\n')
    [candidate] = listed(source)
    assert candidate.payload == {"note": "two\r\nlines"}


def test_path_of_any_bytes(tmp_path: Path) -> None:
    """A path may hold bytes that are not UTF-8, as files' names do."""
    source = manifest(tmp_path, b"class,path\ncat,\xff.jpg\n")
    [candidate] = listed(source)
    assert candidate.uri.endswith("/%FF.jpg")


def test_manifest_has_no_root(tmp_path: Path) -> None:
    """A manifest has no root: what was in it once cannot be told."""
    assert manifest(tmp_path, "class,path\n").root is None


@pytest.mark.parametrize("path", ["../private/x.png", "/etc/passwd", "link/x.png"])
def test_files_elsewhere_are_refused(tmp_path: Path, path: str) -> None:
    """A path out of the manifest's folder is refused, and the message names the setting."""
    (tmp_path / "private").mkdir()
    (tmp_path / "zoo").mkdir()
    (tmp_path / "zoo" / "link").symlink_to("../private")
    (tmp_path / "private" / "x.png").write_bytes(b"x")
    source = manifest(tmp_path / "zoo", f"class,path\ncat,{path}\n")
    [refusal] = source.candidates()
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.OUTSIDE
    assert "--manifest-root" in refusal.message


def test_thousands_of_digits_are_a_text(tmp_path: Path) -> None:
    """Numbers that no machine counts in are texts, and their rows stand."""
    cells = ("9" * 5000, "1e999", "-" + "1" * 20, "\u0661\u0662", "0" * 5000)
    rows = "".join(f"a.jpg,cat,{cell},1\n" for cell in cells)
    found = listed(manifest(tmp_path, f"path,class,big,small\n{rows}"))
    assert [candidate.payload for candidate in found] == [
        {"big": cell, "small": 1} for cell in cells
    ]


def test_paths_that_no_file_has(tmp_path: Path) -> None:
    """A path that is too long is listed, and refused as that when it is read."""
    [candidate] = listed(manifest(tmp_path, f"class,path\ncat,{'x/' * 3000}a.jpg\n"))
    with pytest.raises(RefusedError, match="File name too long") as error:
        manifest(tmp_path, "class,path\n").read(candidate, 10)
    assert error.value.reason is Reason.UNREADABLE


def test_user_info_is_not_shown(tmp_path: Path) -> None:
    """A url's uri has no user info, and no message shows it."""
    source = manifest(tmp_path, "class,url\ncat,https://ada:secret@x/1\n,https://ada:secret@x/2\n")
    candidate, refusal = source.candidates()
    assert isinstance(candidate, Candidate)
    assert candidate.uri == "https://x/1"
    assert "secret" not in repr(candidate) + repr(refusal)


@pytest.mark.parametrize(
    ("later", "message"),
    [
        ("", ""),
        ("class,url,year\n", ""),
        ("class,url,year\ncat,https://x/1,old\n", "has a year that is no int"),
        ("class,url\ncat,https://x/1\n", "has 2 cells"),
        (None, "cannot be read: is not there"),
    ],
)
def test_manifest_that_changes_meanwhile(tmp_path: Path, later: str | None, message: str) -> None:
    """A manifest that is emptied, changed or taken away while a run goes on ends no run."""
    source = manifest(tmp_path, "class,url,year\ncat,https://x/1,1999\n")
    path = tmp_path / "photos.csv"
    path.unlink() if later is None else path.write_text(later)
    found = list(source.candidates())
    messages = [entry.message for entry in found if isinstance(entry, Refusal)]
    assert len(messages) == len(found) == bool(message)
    assert message in "".join(messages)


def test_second_listing_is_the_same(tmp_path: Path) -> None:
    """A manifest can be listed again, with the same entries in the same order."""
    source = manifest(tmp_path, "class,url\ncat,https://x/1\ndog,https://x/2\n")
    assert list(source.candidates()) == list(source.candidates())
