"""A folder per class: `ROOT/<class>/...`, or `ROOT/photo/<class>/...`."""

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sketchzoo.ignored import of_file, of_folder
from sketchzoo_ingest.outcome import Reason, Refusal, RefusedError
from sketchzoo_ingest.sources.local import LocalUris, printable, read_file
from sketchzoo_ingest.sources.source import Candidate, Emptied, Entry, PassedOver, check_class

# A data set's photos and the sketches of the same classes, which are no class themselves.
_LEVELS = (("photo", "sketch"), ("photos", "sketches"))


@dataclass(slots=True)
class _Open:
    """A folder whose entries are being listed, and how many photos were listed before it."""

    path: str
    entries: Iterator[os.DirEntry[str]]
    photos_before: int


class FolderSource:
    """Lists the files of a folder by class, in the order of their names.

    The folder below the root names the class, however deep the file lies in it. A
    folder `photo` with folders in it, or with a folder `sketch` beside it, is taken for a
    level of its own, so that a data set with `photo/` and `sketch/` can be named as it is.
    Hidden files and folders (their names start with a dot) are not looked at, and
    files of no photo are passed over (see `sketchzoo.ignored`); links to files and to classes'
    folders are followed, links to folders further down are not.
    """

    def __init__(self, folder: Path, uris: LocalUris | None = None) -> None:
        """Take a folder that exists.

        Raises:
            ValueError: it is not a folder.

        """
        if not folder.is_dir():
            raise ValueError(f"{folder} is not a folder")
        self._uris = uris or LocalUris()
        self.name = printable(str(folder))
        self._folder = _classes_folder(folder)

    @property
    def root(self) -> str | None:
        """The folder's own uri."""
        return self._uris.of(self._folder).rstrip("/") + "/"

    def candidates(self) -> Iterator[Entry]:
        """Yield every file, class by class."""
        try:
            classes = _entries(self._folder)
        except OSError as error:
            yield self._unread(str(self._folder), error)
            return
        for entry in classes:
            kind = of_folder(entry.name)
            if kind is not None:
                yield PassedOver(kind)
                continue
            try:
                is_folder = stat.S_ISDIR(entry.stat().st_mode)
            except OSError as error:
                yield self._unread(entry.path, error)
                continue
            if not is_folder:
                kind = of_file(entry.name)
                yield (
                    PassedOver(kind)
                    if kind
                    else self._refuse(
                        entry.path, Reason.NO_CLASS, "lies outside the classes' folders"
                    )
                )
                continue
            try:
                class_name = check_class(entry.name)
            except RefusedError as error:
                yield self._refuse(entry.path, error.reason, error.message)
                continue
            yield from self._below(entry.path, class_name)

    def read(self, candidate: Candidate, limit: int) -> bytes:
        """Return a file's bytes."""
        return read_file(candidate.location, limit)

    def _below(self, folder: str, class_name: str) -> Iterator[Entry]:
        # By hand: folders may be nested deeper than Python calls itself.
        photos = 0
        inner: str | None = folder
        opened: list[_Open] = []
        while True:
            if inner is not None:
                try:
                    opened.append(_Open(inner, iter(_entries(inner)), photos))
                except OSError as error:
                    yield self._unread(inner, error)
                inner = None
            if not opened:
                return
            entry = next(opened[-1].entries, None)
            if entry is None:
                done = opened.pop()
                if done.photos_before == photos:
                    yield Emptied(self._uris.of(done.path))
                continue
            found = self._look(entry, class_name)
            if found is None:
                inner = entry.path
                continue
            photos += isinstance(found, Candidate)
            yield found

    def _look(self, entry: os.DirEntry[str], class_name: str) -> Entry | None:
        """Return what an entry is; None for a folder to enter."""
        try:
            if entry.is_dir(follow_symlinks=False):
                kind = of_folder(entry.name)
                return PassedOver(kind) if kind else None
            if (kind := of_file(entry.name)) is not None:
                return PassedOver(kind)
            found = entry.stat()
        except OSError as error:
            return self._unread(entry.path, error)
        if not stat.S_ISREG(found.st_mode):
            return self._refuse(entry.path, Reason.NOT_A_FILE, "is not a file")
        return Candidate(
            uri=self._uris.of(entry.path),
            class_name=class_name,
            location=entry.path,
            origin=printable(entry.path),
            size=found.st_size,
        )

    def _unread(self, path: str, error: OSError) -> Refusal:
        """Refuse what may be a photo or a folder of photos: a disk that is away tells neither."""
        if error.errno == errno.ENOENT:
            # A link that leads nowhere, or what is gone since.
            return self._refuse(path, Reason.NOT_FOUND, f"is not there: {error.strerror}")
        return self._refuse(path, Reason.UNREADABLE, f"cannot be listed: {error.strerror}")

    def _refuse(self, path: str, reason: Reason, message: str) -> Refusal:
        return Refusal(printable(path), reason, message, self._uris.of(path))


def _classes_folder(folder: Path) -> Path:
    """Return the folder that holds the classes' folders, which may be away."""
    inner = _folders(folder)
    for photo, sketch in _LEVELS:
        if photo in inner and sketch in inner:
            return folder / photo
        if inner == {sketch} and _folders(folder / sketch):
            return folder / photo
    nested = folder / _LEVELS[0][0]
    return nested if _has_folders(nested) else folder


def _folders(folder: Path) -> set[str]:
    """Return the names of what may be a folder in a folder: links to a disk that is away, too."""
    try:
        entries = _entries(folder)
    except OSError:
        return set()
    return {entry.name for entry in entries if not of_folder(entry.name) and _may_be_folder(entry)}


def _has_folders(folder: Path) -> bool:
    return any((folder / name).is_dir() for name in _folders(folder))


def _may_be_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir() or not os.path.exists(entry.path)  # noqa: PTH110 - swallows all errors
    except OSError:
        return True


def _entries(folder: str | Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as found:
        entries = [entry for entry in found if not entry.name.startswith(".")]
    return sorted(entries, key=lambda entry: entry.name)
