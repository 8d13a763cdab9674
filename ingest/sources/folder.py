"""A folder per class: `ROOT/<class>/...`, or `ROOT/photo/<class>/...`."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ingest.outcome import Reason, Refusal, RefusedError
from ingest.sources.local import LocalUris, read_file
from ingest.sources.source import Candidate, check_class

_PHOTOS = "photo"


class FolderSource:
    """Lists the files of a folder by class, in the order of their names.

    The folder below the root names the class, however deep the file lies in it. A
    folder `photo` with folders in it is taken for a level of its own, so that a data
    set with `photo/` and `sketch/` can be named as it is. Hidden files and folders
    (their names start with a dot) are passed over; links to files and to classes'
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
        self.name = str(folder)
        nested = folder / _PHOTOS
        with_level = nested.is_dir() and any(entry.is_dir() for entry in _entries(nested))
        self._folder = nested if with_level else folder

    @property
    def root(self) -> str | None:
        """The folder's own uri."""
        return self._uris.of(self._folder).rstrip("/") + "/"

    def candidates(self) -> Iterator[Candidate | Refusal]:
        """Yield every file, class by class."""
        try:
            classes = _entries(self._folder)
        except OSError as error:
            yield self._refuse_folder(str(self._folder), error)
            return
        for entry in classes:
            if not entry.is_dir():
                yield self._refuse(entry.path, Reason.NO_CLASS, "lies outside the classes' folders")
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

    def _below(self, folder: str, class_name: str) -> Iterator[Candidate | Refusal]:
        try:
            entries = _entries(folder)
        except OSError as error:
            yield self._refuse_folder(folder, error)
            return
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from self._below(entry.path, class_name)
                continue
            try:
                found = entry.stat()
            except OSError as error:
                # A link that leads nowhere, or a file gone since.
                yield self._refuse(entry.path, Reason.NOT_FOUND, f"is not there: {error.strerror}")
                continue
            if not stat.S_ISREG(found.st_mode):
                yield self._refuse(entry.path, Reason.NOT_A_FILE, "is not a file")
                continue
            yield Candidate(
                uri=self._uris.of(entry.path),
                class_name=class_name,
                location=entry.path,
                origin=_printable(entry.path),
                size=found.st_size,
            )

    def _refuse_folder(self, path: str, error: OSError) -> Refusal:
        # The slash says that whatever lies below is left out.
        message = f"cannot be listed: {error.strerror}"
        return Refusal(_printable(path), Reason.UNREADABLE, message, self._uris.of(path) + "/")

    def _refuse(self, path: str, reason: Reason, message: str) -> Refusal:
        return Refusal(_printable(path), reason, message, self._uris.of(path))


def _entries(folder: str | Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as found:
        entries = [entry for entry in found if not entry.name.startswith(".")]
    return sorted(entries, key=lambda entry: entry.name)


def _printable(path: str) -> str:
    """Return a path that every log and report can hold, whatever bytes it has."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
