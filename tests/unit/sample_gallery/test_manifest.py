"""Reading manifests: what is accepted, and which words refuse the rest."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sample_gallery.fetch import MANIFESTS, Limits, ManifestError, Row, find, read_manifest
from sample_gallery.fetch._lock import Entry, Lock

HEADER = "url,class,author,licence,licence_url,source,sha256,bytes,crop"
GOOD = "https://a.example/1.jpg,crab,Ada,CC0,https://l.example,https://p.example,,,"


def row(where: str, **more: object) -> Row:
    return Row(where, "crab", "Ada", "CC0", "https://l.example", "https://p.example", **more)  # type: ignore[arg-type]


def write(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "m.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("name", MANIFESTS)
def test_shipped_manifests_are_good(name: str) -> None:
    """Every manifest that comes along can be read, and each photo is under CC BY or CC0."""
    rows = read_manifest(find(name))
    assert len(rows) > 20
    for photo in rows:
        assert photo.licence.startswith(("CC BY ", "CC0"))
        assert photo.licence_url.startswith("https://creativecommons.org/")
        assert photo.source.startswith(("http://www.flickr.com/", "https://"))
        assert photo.where.startswith("https://")


def test_all_columns(tmp_path: Path) -> None:
    """A row with everything filled in becomes a Row with everything."""
    line = f'https://a.example/x.jpg,sea_turtle,"Ü, Ada",CC0,l,p,{"ab" * 32},12,0 0.25 0.5 1'
    (found,) = read_manifest(write(tmp_path, HEADER, line))
    assert found.author == "Ü, Ada"
    assert found.sha256 == "ab" * 32
    assert found.size == 12
    assert found.crop == (0, 0.25, 0.5, 1)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("ftp://a.example/1.jpg,crab,A,C,l,s,,,", "url must be an http or https URL"),
        ("file:///etc/passwd,crab,A,C,l,s,,,", "url must be"),
        ("http://,crab,A,C,l,s,,,", "url must be"),
        ("http://[::1,crab,A,C,l,s,,,", "url must be"),
        ("https://a.example/1.jpg,../up,A,C,l,s,,,", "class must be"),
        ("https://a.example/1.jpg,.hidden,A,C,l,s,,,", "class must be"),
        ("https://a.example/1.jpg,,A,C,l,s,,,", "class must be"),
        ("https://a.example/1.jpg,crab,,C,l,s,,,", "author must be filled in"),
        ("https://a.example/1.jpg,crab,A,,l,s,,,", "licence must be filled in"),
        ("https://a.example/1.jpg,crab,A,C,l,s,ABC,,", "sha256 must be"),
        ("https://a.example/1.jpg,crab,A,C,l,s,,ten,", "bytes must be"),
        ("https://a.example/1.jpg,crab,A,C,l,s,,,0 0 2 1", "crop must be"),
        ("https://a.example/1.jpg,crab,A,C,l,s,,,0.5 0 0.5 1", "crop must be"),
        ("https://a.example/1.jpg,crab,A,C,l,s,,,nan 0 1 1", "crop must be"),
        ("https://a.example/1.jpg,crab,A,C,l,s,,", "line 2"),
        ("https://a.example/1.jpg,crab,A,C,l,s,,,,more", "line 2"),
        (",crab,A,C,l,s,,,", "must have a path or a url"),
    ],
)
def test_bad_rows(tmp_path: Path, line: str, named: str) -> None:
    """A bad row is refused with its line, its column and what would be right."""
    with pytest.raises(ManifestError, match=named) as caught:
        read_manifest(write(tmp_path, HEADER, line))
    assert "line 2" in str(caught.value)


def test_bad_files(tmp_path: Path) -> None:
    """A file without rows, without a column, twice the same photo or no text is refused."""
    with pytest.raises(ManifestError, match="no rows"):
        read_manifest(write(tmp_path, HEADER))
    with pytest.raises(ManifestError, match="lacks the column author"):
        read_manifest(write(tmp_path, "url,class", "https://a.example/1.jpg,crab"))
    with pytest.raises(ManifestError, match="lacks the column url"):
        read_manifest(write(tmp_path, "class,author,licence,licence_url,source"))
    with pytest.raises(ManifestError, match="line 3: the same photo as line 2"):
        read_manifest(write(tmp_path, HEADER, GOOD, GOOD))
    two = write(tmp_path, HEADER, GOOD, GOOD.replace("1.jpg", "2.jpg"))
    with pytest.raises(ManifestError, match="over 1 rows"):
        read_manifest(two, Limits(max_files=1))
    binary = tmp_path / "b.csv"
    binary.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(ManifestError, match="UTF-8"):
        read_manifest(binary)
    with pytest.raises(ManifestError, match="can't be read"):
        read_manifest(tmp_path / "absent.csv")


@pytest.mark.parametrize("where", ["../out.jpg", "/etc/hostname", "link/out.jpg"])
def test_paths_stay_inside(tmp_path: Path, where: str) -> None:
    """A path that leads out of the manifest's folder, by a link too, is refused."""
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "out.jpg").touch()
    (inner / "link").symlink_to(tmp_path)
    lines = ("path,class,author,licence,licence_url,source", f"{where},crab,A,C,l,s")
    with pytest.raises(ManifestError, match="path must be a file under"):
        read_manifest(write(inner, *lines))


@given(st.text(max_size=80))
def test_stems_are_safe(tail: str) -> None:
    """Whatever a URL holds, the file's name is short and has no separator, dot or space."""
    stem = row(f"https://a.example/{tail}").stem
    assert 0 < len(stem) <= 60
    assert stem.replace("-", "").replace("_", "").isalnum()
    assert stem.isascii()


def test_stems_differ() -> None:
    """Two photos never share a name, be their URLs alike or their crops all that differs."""
    stems = {
        row("https://a.example/1.jpg").stem,
        row("https://b.example/1.jpg").stem,
        row("https://a.example/1.jpg", crop=(0, 0, 1, 0.5)).stem,
    }
    assert len(stems) == 3


def test_unknown_name() -> None:
    """A name that is neither a manifest nor a file is refused with what there is."""
    with pytest.raises(FileNotFoundError, match="open-animals"):
        find("closed-animals")


@pytest.mark.parametrize(
    ("given_limits", "named"),
    [
        ({"max_files": 0}, "max_files"),
        ({"max_file_bytes": 0}, "max_file_bytes"),
        ({"max_total_bytes": -1}, "max_total_bytes"),
        ({"max_side": 10}, "max_side"),
    ],
)
def test_limits_refuse(given_limits: dict[str, int], named: str) -> None:
    """Limits that make no sense are refused by name."""
    with pytest.raises(ValueError, match=named):
        Limits(**given_limits)  # type: ignore[arg-type]


def _entry(where: str) -> Entry:
    return Entry(where, "", "ab" * 32, 3, "photo/crab/a.jpg", "cd" * 32, "")


def test_lock_survives_a_cut_line(tmp_path: Path) -> None:
    """A last line cut short by a kill is dropped, and the next entry is whole."""
    lock = Lock(tmp_path)
    lock.add(_entry("https://a.example/1.jpg"))
    with (tmp_path / "gallery.lock").open("a") as file:
        file.write('{"where": "https://a.exa')
    lock = Lock(tmp_path)
    assert lock.get(row("https://a.example/1.jpg")) is not None
    lock.add(_entry("https://a.example/2.jpg"))
    again = Lock(tmp_path)
    assert again.get(row("https://a.example/1.jpg")) is not None
    assert again.get(row("https://a.example/2.jpg")) is not None


def test_lock_refuses_damage(tmp_path: Path) -> None:
    """A line damaged in the middle is named, not skipped."""
    (tmp_path / "gallery.lock").write_text('nonsense\n{"where": "x"}\n')
    with pytest.raises(ValueError, match="line 1 is damaged"):
        Lock(tmp_path)
