"""Listing tar files of photos, webdataset's shards and hostile ones."""

import io
import json
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import webdataset

from sketchzoo.ignored import Ignored
from sketchzoo.storage import CopyLimits, Storage
from sketchzoo_ingest.outcome import Reason, Refusal, RefusedError
from sketchzoo_ingest.sources import Candidate, ClassFrom, PassedOver, TarSource, open_source


def write(path: Path, *members: tuple[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz" if path.suffix.lower() in (".gz", ".tgz") else "w") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def source(name: Path | str, storage: Storage | None = None, **options: Any) -> TarSource:
    opened = open_source(str(name), storage, **options)
    assert isinstance(opened, TarSource)
    return opened


def listed(found: TarSource) -> list[Candidate]:
    return [entry for entry in found.candidates() if isinstance(entry, Candidate)]


def refused(found: TarSource) -> list[tuple[str, Reason]]:
    return [
        (entry.origin.rpartition("/")[2], entry.reason)
        for entry in found.candidates()
        if isinstance(entry, Refusal)
    ]


def test_shards_of_webdataset(tmp_path: Path) -> None:
    """What webdataset wrote is a photo with class, caption and typed columns for each key."""
    path = tmp_path / "shard-000.tar"
    with webdataset.TarWriter(str(path)) as writer:
        for number, name in enumerate(("owl", "swan")):
            columns = {
                "licence": "CC0",
                "likes": number,
                "tags": ["a", "b"],
                "location": "48.2,16.4",
                "taken_at": "2024-07-01T12:00:00",
                "sha256": "0" * 64,
                "nested": {"x": 1},
                "a.b": 1,
            }
            key = f"part/{number:05}"
            writer.write(
                {"__key__": key, "jpg": b"x" * 9, "cls": name, "json": columns, "txt": "A bird."}
            )
    found = source(path)
    owl, swan = listed(found)
    assert found.classes.of is ClassFrom.COLUMN
    assert (owl.class_name, swan.class_name) == ("owl", "swan")
    assert (owl.folder, owl.file_name, owl.size) == ("part", "00000.jpg", 9)
    assert owl.payload == {"licence": "CC0", "likes": 0, "tags": ["a", "b"], "caption": "A bird."}
    assert owl.place == (48.2, 16.4)
    assert owl.taken_at is not None
    assert owl.taken_at.isoformat() == "2024-07-01T12:00:00+00:00"
    assert found.read(owl, 10) == b"x" * 9
    assert owl.modified_at is not None
    assert found.root == f"tar+{path.as_uri()}!/"
    assert owl.uri.startswith(f"{found.root}part/00000.jpg#bytes=")


@pytest.mark.parametrize("name", ["x.tar", "x.tar.gz", "X.TGZ"])
def test_photos_are_read_again(tmp_path: Path, name: str) -> None:
    """Photos are read in any order, and a packed file's by the storage of other parts, too."""
    contents = {f"{n}.jpg": bytes([n]) * (600 * n) for n in range(1, 5)}
    path = write(tmp_path / name, *contents.items())
    with Storage() as storage:
        found = source(path, storage)
        for candidate in reversed(listed(found)):
            assert found.read(candidate, 10_000) == contents[candidate.file_name]
            assert storage.read(candidate.uri, 10_000) == contents[candidate.file_name]
        with pytest.raises(RefusedError, match="at most 10 are") as error:
            found.read(listed(found)[0], 10)
    assert error.value.reason is Reason.TOO_LARGE


def test_folders_of_a_tar_file(tmp_path: Path) -> None:
    """A tar file of a gallery's folder has its classes; one of a library has none."""
    gallery = write(tmp_path / "a.tar", ("./owl/1.jpg", b"1"), ("./swan/deep/2.jpg", b"2"))
    assert [(c.class_name, c.folder) for c in listed(source(gallery))] == [
        ("owl", "owl"),
        ("swan", "swan/deep"),
    ]
    library = write(tmp_path / "b.tar", ("2024/07/1.jpg", b"1"), ("2024/08/2.jpg", b"2"))
    assert {c.class_name for c in listed(source(library))} == {""}
    assert [c.class_name for c in listed(source(library, class_from=ClassFrom.FOLDER))] == [
        "2024",
        "2024",
    ]
    assert {c.class_name for c in listed(source(gallery, class_from=ClassFrom.NONE))} == {""}


def test_dots_in_names(tmp_path: Path) -> None:
    """A mask beside a photo is none; photos whose names merely have dots are all taken."""
    path = write(
        tmp_path / "x.tar",
        ("1.jpg", b"1"),
        ("1.mask.png", b"m"),
        ("IMG.1.jpg", b"2"),
        ("IMG.2.jpg", b"3"),
    )
    assert [c.file_name for c in listed(source(path))] == ["1.jpg", "IMG.1.jpg", "IMG.2.jpg"]


def test_what_is_no_photo_is_passed_over(tmp_path: Path) -> None:
    """Videos, notes and systems' folders are counted; hidden files and a Mac's forks are not."""
    path = write(
        tmp_path / "x.tar",
        ("a/1.jpg", b"1"),
        ("a/1.MOV", b"v"),
        ("a/1.xmp", b"<x/>"),
        ("a/._1.jpg", b"fork"),
        (".hidden/2.jpg", b"2"),
        ("__MACOSX/a/3.jpg", b"3"),
    )
    entries = list(source(path).candidates())
    kinds = Counter(entry.kind for entry in entries if isinstance(entry, PassedOver))
    assert kinds == {Ignored.VIDEO: 1, Ignored.SIDECAR: 1, Ignored.SYSTEM_FOLDER: 1}
    assert len(entries) == 4


def test_links_and_names_that_lead_away(tmp_path: Path) -> None:
    """A link, a pipe and a name that leads out are refused; what lies there is never read."""
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as tar:
        for kind, name in (
            (tarfile.SYMTYPE, "link.jpg"),
            (tarfile.LNKTYPE, "hard.jpg"),
            (tarfile.FIFOTYPE, "pipe.jpg"),
            (tarfile.REGTYPE, "../../out.jpg"),
            (tarfile.REGTYPE, "/etc/absolute.jpg"),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/hostname"
            tar.addfile(info, io.BytesIO())
    found = source(path)
    assert refused(found) == [
        ("link.jpg", Reason.NOT_A_FILE),
        ("hard.jpg", Reason.NOT_A_FILE),
        ("pipe.jpg", Reason.NOT_A_FILE),
        ("out.jpg", Reason.BAD_NAME),
    ]
    assert [(c.folder, c.file_name) for c in listed(found)] == [("etc", "absolute.jpg")]


def test_names_longer_than_any_path(tmp_path: Path) -> None:
    """A name of megabytes is refused, and told in short."""
    path = write(tmp_path / "x.tar", ("a/" * 500_000 + "1.jpg", b"1"), ("2.jpg", b"2"))
    found = source(path)
    [refusal] = [e for e in found.candidates() if isinstance(e, Refusal)]
    assert refusal.reason is Reason.BAD_NAME
    assert len(refusal.uri) < 400
    assert [c.file_name for c in listed(found)] == ["2.jpg"]


def test_same_name_twice(tmp_path: Path) -> None:
    """Two members of one name are two photos, each with its own bytes and uri."""
    found = source(write(tmp_path / "x.tar", ("1.jpg", b"1"), ("1.jpg", b"22")))
    first, second = listed(found)
    assert first.uri != second.uri
    assert (found.read(first, 9), found.read(second, 9)) == (b"1", b"22")


def cut(content: bytes) -> bytes:
    return content[:1536]


def huge(content: bytes) -> bytes:
    """Let the second member claim 8 GB, with a checksum that is right."""
    info = tarfile.TarInfo("2.jpg")
    info.size = 8**11 - 1
    return content[:1024] + info.tobuf() + content[1536:]


def long_header(content: bytes) -> bytes:
    """Let an extended header claim 8 GB."""
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 8**11 - 1
    return content[:1024] + info.tobuf()


def garbage(content: bytes) -> bytes:
    return content[:1024] + b"\xff" * 5000


def backwards(content: bytes) -> bytes:
    """Let the second member's size lead back to the first one."""
    header = bytearray(tarfile.TarInfo("2.jpg").tobuf())
    header[124:136] = (2**96 - 1024).to_bytes(12, "big")
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return content[:1024] + bytes(header) + content


def names_of_names(content: bytes) -> bytes:
    """Let a long name have a long name, and so on."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 4
    return content[:1024] + (info.tobuf() + b"abc".ljust(512, b"\0")) * 3000


def all_holes(content: bytes) -> bytes:
    """Let a sparse member's map be as long as the file."""
    info = tarfile.TarInfo("2.jpg")
    info.pax_headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.realsize": "1",
        "GNU.sparse.name": "2.jpg",
    }
    info.size = 20 * 2**20
    return content[:1024] + info.tobuf(tarfile.PAX_FORMAT) + b"99999999\n" + b"0\n" * (9 * 2**20)


@pytest.mark.parametrize(
    "spoil", [cut, huge, long_header, garbage, backwards, names_of_names, all_holes]
)
def test_damaged_tar_file(tmp_path: Path, spoil: Any) -> None:
    """A damaged file's photos before the damage are listed, and the file itself is refused."""
    path = write(tmp_path / "x.tar", ("1.jpg", b"1"), ("2.jpg", b"2" * 600))
    path.write_bytes(spoil(path.read_bytes()))
    found = source(path)
    assert [c.file_name for c in listed(found)] == ["1.jpg"]
    [refusal] = [e for e in found.candidates() if isinstance(e, Refusal)]
    # By this uri pruning spares all that may lie in the file.
    assert (refusal.reason, refusal.uri) == (Reason.UNREADABLE, found.root)


def test_damaged_packing(tmp_path: Path) -> None:
    """A packed file that ends early, or unpacks to more than disk is given, is refused."""
    path = write(tmp_path / "x.tar.gz", ("1.jpg", bytes(100_000)))
    small = CopyLimits(max_bytes=1000)
    with Storage(copies=small) as storage, pytest.raises(ValueError, match="at most 1000 are"):
        source(path, storage)
    path.write_bytes(path.read_bytes()[:-20])
    with Storage() as storage, pytest.raises(ValueError, match="cannot be unpacked"):
        source(path, storage)


def test_notes_that_are_no_columns(tmp_path: Path) -> None:
    """Notes that are no JSON, nested without end, or no value of a photo's field, are nothing."""
    path = write(
        tmp_path / "x.tar",
        ("1.jpg", b"1"),
        ("1.json", b"[" * 100_000),
        ("2.jpg", b"2"),
        ("2.json", b'{"half": "\\ud800", "nan": NaN, "big": 1e999, "ok": 1}'),
        ("3.jpg", b"3"),
        ("3.json", json.dumps({"location": "nowhere"}).encode()),
        ("4.jpg", b"4"),
        ("4.json", json.dumps({"location": {"x": 1}, "taken_at": 5, "rating": []}).encode()),
        ("5.jpg", b"5"),
        ("5.json", json.dumps({"taken_at": "0001-01-01T00:00:00+14:00"}).encode()),
        ("6.jpg", b"6"),
        ("6.txt", b"long" * 50_000),
    )
    found = listed(source(path))
    assert [candidate.payload for candidate in found] == [{}, {"ok": 1}, {}, {}, {}, {}]
    assert [(c.place, c.taken_at, c.rating) for c in found[2:]] == [(None, None, None)] * 4


def test_patterns_name_shards(tmp_path: Path) -> None:
    """Braces and stars name many shards, listed in their order; such a source has no root."""
    for number in range(12):
        write(tmp_path / f"s-{number:02}.tar", (f"{number}.jpg", bytes([number])))
    for pattern, names in (
        ("s-{00..03}.tar", range(4)),
        ("s-0*.tar", range(10)),
        ("s-{01,1?}.tar", (1, 10, 11)),
    ):
        found = source(tmp_path / pattern)
        assert [c.file_name for c in listed(found)] == [f"{n}.jpg" for n in names]
        assert found.root is None
    found = source(tmp_path / "s-{00..20}.tar")
    assert len(listed(found)) == 12
    assert {reason for _, reason in refused(found)} == {Reason.NOT_FOUND}
    with pytest.raises(ValueError, match="no file is called so"):
        source(tmp_path / "t-*.tar")
    with pytest.raises(ValueError, match="may name 100,000 files"):
        source(tmp_path / "t-{0..999999999}.tar")
