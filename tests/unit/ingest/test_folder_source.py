"""Listing a folder per class."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from sketchzoo_ingest.outcome import Reason, RefusedError
from sketchzoo_ingest.sources import (
    Candidate,
    ClassFrom,
    Emptied,
    FolderSource,
    LocalUris,
    UriPrefix,
    open_source,
)
from tests.unit.ingest.listing import listed, put, refused

MEMORY = Path("/dev/shm")  # noqa: S108 - a disk, of which a folder of the test's own is used


def test_class_is_the_first_folder(tmp_path: Path) -> None:
    """A file's class is the folder below the root, however deep the file lies."""
    put(tmp_path / "dog" / "b.jpg")
    put(tmp_path / "cat" / "deep" / "er" / "a.jpg")
    assert listed(FolderSource(tmp_path)) == [("cat", "a.jpg"), ("dog", "b.jpg")]


def test_listing_goes_by_name(tmp_path: Path) -> None:
    """The order of a listing is the names', not the disk's: every run has the same."""
    names = ["z.jpg", "a.jpg", "m.jpg", "b.jpg"]
    for name in names:
        put(tmp_path / "cat" / name)
    assert [name for _, name in listed(FolderSource(tmp_path))] == sorted(names)


def test_photo_level_is_entered(tmp_path: Path) -> None:
    """Where the root has a folder `photo` with classes in it, only that is listed."""
    put(tmp_path / "photo" / "cat" / "a.jpg")
    put(tmp_path / "sketch" / "cat" / "a.png")
    put(tmp_path / "splits.csv")
    source = FolderSource(tmp_path)
    assert listed(source) == [("cat", "a.jpg")]
    assert refused(source) == []
    assert source.root == (tmp_path / "photo").as_uri() + "/"


def test_photo_may_be_a_class(tmp_path: Path) -> None:
    """A folder `photo` that holds files only is a class where folders are said to be."""
    put(tmp_path / "photo" / "a.jpg")
    assert listed(FolderSource(tmp_path)) == [("", "a.jpg")]
    assert listed(FolderSource(tmp_path, None, ClassFrom.FOLDER)) == [("photo", "a.jpg")]


def test_hidden_is_passed_over(tmp_path: Path) -> None:
    """Hidden files and folders are neither listed nor refused."""
    put(tmp_path / ".cache" / "a.jpg")
    put(tmp_path / "cat" / ".DS_Store")
    put(tmp_path / "cat" / ".thumbs" / "a.jpg")
    put(tmp_path / "cat" / "a.jpg")
    source = FolderSource(tmp_path)
    assert listed(source) == [("cat", "a.jpg")]
    assert refused(source) == []


def test_files_beside_the_classes_have_none(tmp_path: Path) -> None:
    """A file beside the classes' folders is taken, without a class."""
    put(tmp_path / "stray.jpg")
    put(tmp_path / "cat" / "a.jpg")
    source = FolderSource(tmp_path, None, ClassFrom.FOLDER)
    assert listed(source) == [("cat", "a.jpg"), ("", "stray.jpg")]


def test_pipes_and_broken_links_are_refused(tmp_path: Path) -> None:
    """What is no file is refused without being opened; a link into nothing is not there."""
    put(tmp_path / "cat" / "a.jpg")
    os.mkfifo(tmp_path / "cat" / "pipe")
    (tmp_path / "cat" / "broken").symlink_to(tmp_path / "nothing")
    assert refused(FolderSource(tmp_path)) == [
        ("broken", Reason.NOT_FOUND),
        ("pipe", Reason.NOT_A_FILE),
    ]


@pytest.mark.skipif(not MEMORY.is_dir(), reason="needs a disk that takes such a time")
def test_time_of_no_calendar(tmp_path: Path) -> None:
    """A file of the year 36000, which memory disks and broken ones have, is listed without."""
    late = put(Path(tempfile.mkdtemp(dir=MEMORY)) / "late.jpg")
    try:
        os.utime(late, (2**40, 2**40))
        (tmp_path / "late.jpg").symlink_to(late)
        [photo] = FolderSource(tmp_path).candidates()
        assert isinstance(photo, Candidate)
        assert photo.modified_at is None
    finally:
        shutil.rmtree(late.parent)


def test_linked_classes_are_followed_loops_are_not(tmp_path: Path) -> None:
    """A class's folder may be a link; a link to a folder further down is not entered."""
    put(tmp_path / "elsewhere" / "a.jpg")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "cat").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "loop").symlink_to(tmp_path / "root")
    source = FolderSource(tmp_path / "root")
    assert listed(source) == [("cat", "a.jpg")]
    assert refused(source) == [("loop", Reason.NOT_A_FILE)]


def test_forms_of_a_name_are_one_class(tmp_path: Path) -> None:
    """A Mac's copy of a folder and a Linux one, spelled in two Unicode forms, are one class."""
    for number, name in enumerate(("L\u00f6we", "Lo\u0308we")):
        put(tmp_path / name / f"{number}.jpg")
    assert {name for name, _ in listed(FolderSource(tmp_path))} == {"L\u00f6we"}


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    """A file's name may hold any bytes: its uri quotes them; a class's name may not."""
    (tmp_path / "cat").mkdir()
    path = os.fsencode(tmp_path / "cat") + b"/\xff.jpg"
    with open(path, "wb") as file:  # noqa: PTH123 - a path of bytes
        file.write(b"x")
    os.mkdir(os.fsencode(tmp_path) + b"/d\xffg")  # noqa: PTH102 - the same
    source = FolderSource(tmp_path)
    [candidate] = [entry for entry in source.candidates() if isinstance(entry, Candidate)]
    assert candidate.uri.endswith("/cat/%FF.jpg")
    assert candidate.origin.isprintable()
    assert source.read(candidate, 10) == b"x"
    assert [reason for _, reason in refused(source)] == [Reason.BAD_NAME]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (os.fspath, Reason.NOT_FOUND),
        (lambda path: path.mkdir(), Reason.NOT_A_FILE),
        (os.mkfifo, Reason.NOT_A_FILE),
        (lambda path: path.write_bytes(b"x" * 11), Reason.TOO_LARGE),
    ],
)
def test_reading_what_changed_since(tmp_path: Path, make: object, reason: Reason) -> None:
    """What became of a file since it was listed is a reason of its own, and never hangs."""
    (tmp_path / "cat").mkdir()
    source = FolderSource(tmp_path)
    path = tmp_path / "cat" / "a.jpg"
    make(path)  # type: ignore[operator]
    candidate = Candidate(path.as_uri(), "cat", str(path), str(path), 1)
    with pytest.raises(RefusedError) as error:
        source.read(candidate, 10)
    assert error.value.reason is reason


def test_file_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that may not be read is unreadable."""
    path = put(tmp_path / "cat" / "a.jpg")
    source = FolderSource(tmp_path)

    def refuse(*arguments: object) -> int:
        # Tests may run as root, who may read everything.
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("sketchzoo_ingest.sources.local.os.open", refuse)
    with pytest.raises(RefusedError, match="Permission denied") as error:
        source.read(Candidate(path.as_uri(), "cat", str(path), str(path), 1), 10)
    assert error.value.reason is Reason.UNREADABLE


def test_uris_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative folder's uris are absolute, with spaces and the like quoted."""
    put(tmp_path / "cat" / "a b#.jpg")
    monkeypatch.chdir(tmp_path)
    [entry] = FolderSource(Path()).candidates()
    assert entry.uri == tmp_path.as_uri() + "/cat/a%20b%23.jpg"


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("/data/zoo/cat/a b.jpg", "https://photos.example.org/zoo/cat/a%20b.jpg"),
        ("/data/zoo/wild/a.jpg", "s3://wild/a.jpg"),
        ("/data/zoological/a.jpg", "file:///data/zoological/a.jpg"),
    ],
)
def test_prefixes_map_uris(path: str, uri: str) -> None:
    """The longest folder that holds a file says what its uri starts with."""
    uris = LocalUris(
        [
            UriPrefix.parse("/data/zoo=https://photos.example.org/zoo/"),
            UriPrefix.parse("/data/zoo/wild=s3://wild"),
        ]
    )
    assert uris.of(path) == uri


@pytest.mark.parametrize("text", ["/data", "=http://x", "/data=x"])
def test_prefix_must_be_whole(text: str) -> None:
    """A prefix that is not FOLDER=URI is refused with an example."""
    with pytest.raises(ValueError, match="FOLDER=URI"):
        UriPrefix.parse(text)


def test_source_must_exist(tmp_path: Path) -> None:
    """What is neither folder nor manifest is refused, and the message says what would be."""
    with pytest.raises(ValueError, match="does not exist"):
        open_source(str(tmp_path / "nothing"))
    with pytest.raises(ValueError, match="a folder, a CSV manifest"):
        open_source(str(put(tmp_path / "photos.zip")))
    assert isinstance(open_source(str(tmp_path)), FolderSource)


def test_some_paths_are_listed_alone(tmp_path: Path) -> None:
    """A listing at paths has what lies there and below, as the whole listing has it."""
    for name in ("owl/a.jpg", "owl/deep/b.jpg", "owl/deep/c.jpg", "swan/d.jpg", "swan/e/f.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    (tmp_path / "owl/none").mkdir()
    source = FolderSource(tmp_path)
    whole = [entry for entry in source.candidates() if isinstance(entry, Candidate)]
    at = {str(tmp_path / "owl/deep"), str(tmp_path / "swan/d.jpg"), str(tmp_path / "gone.jpg")}
    some = list(source.candidates(at))
    names = ("owl/deep/b.jpg", "owl/deep/c.jpg", "swan/d.jpg")
    assert some == [entry for entry in whole if entry.location.endswith(names)]
    # A folder that was looked into in part alone is not told to be empty.
    assert list(source.candidates({str(tmp_path / "owl/none")})) == [
        Emptied((tmp_path / "owl/none").as_uri())
    ]
    assert list(source.candidates({str(tmp_path)})) == list(source.candidates())
