"""Telling what is gone from what may yet be there."""

from sketchzoo_ingest.outcome import Reason, Refusal
from sketchzoo_ingest.survey import EMPTIED, Spared, Survey

ROOT = "file:///zoo/"
AWAY = "is not there"


def survey(*read: str, unread: str = "", emptied: str = "") -> Survey:
    made = Survey()
    for path in read:
        made.read(ROOT + path)
    if unread:
        made.unread(Refusal("x", Reason.NOT_FOUND, AWAY, ROOT + unread))
    if emptied:
        made.emptied(ROOT + emptied)
    return made


def spared(survey: Survey, path: str, *, emptied: bool = False) -> str:
    """Return where below the root a spared photo's place is; empty for one that is gone."""
    found = survey.spares(ROOT + path, ROOT, emptied=emptied)
    return "" if found is None else (found.place or ROOT + path).removeprefix(ROOT)


def test_photo_is_gone_from_a_place_that_was_read() -> None:
    """Where others of a class were read, a missing photo is gone, and so is a folder of them."""
    found = survey("cat/a.jpg")
    assert spared(found, "cat/b.jpg") == spared(found, "cat/deep/b.jpg") == ""


def test_all_below_an_unread_place_is_spared() -> None:
    """What could not be read stands for all that may lie below it, --prune-empty or not."""
    found = survey("cat/a.jpg", unread="cat/disk")
    for emptied in (False, True):
        assert spared(found, "cat/disk/b.jpg", emptied=emptied) == "cat/disk"
    assert found.spares(ROOT + "cat/disk/b.jpg", ROOT) == Spared(ROOT + "cat/disk", AWAY)
    assert spared(found, "cat/diskette/b.jpg") == ""


def test_refused_photo_is_spared_itself() -> None:
    """A file that was refused is spared under its reason, so that thousands make one line."""
    found = survey("cat/a.jpg", unread="cat/b.jpg")
    assert found.spares(ROOT + "cat/b.jpg", ROOT) == Spared("", "refused this time: not_found")


def test_class_without_photos_is_spared_unless_asked() -> None:
    """A class in which no photo was read is spared, be its folder empty or gone itself."""
    found = survey("cat/a.jpg", emptied="owl")
    assert spared(found, "owl/a.jpg") == "owl"
    assert spared(found, "swan/a.jpg") == "swan"
    assert found.spares(ROOT + "owl/a.jpg", ROOT) == Spared(ROOT + "owl", EMPTIED)
    assert spared(found, "owl/a.jpg", emptied=True) == ""
    assert spared(found, "swan/a.jpg", emptied=True) == ""


def test_empty_folder_within_a_class_is_spared() -> None:
    """A folder that is there and empty may be a mount point, however deep it lies."""
    found = survey("cat/a.jpg", emptied="cat/disk")
    assert spared(found, "cat/disk/deep/b.jpg") == "cat/disk"
    assert spared(found, "cat/disk/deep/b.jpg", emptied=True) == ""


def test_place_that_another_source_read_is_no_empty_one() -> None:
    """What one source found empty and another read has been read."""
    found = survey("cat/disk/a.jpg", emptied="cat/disk")
    assert spared(found, "cat/disk/b.jpg") == ""
