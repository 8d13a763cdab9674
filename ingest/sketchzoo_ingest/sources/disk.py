"""A folder of this machine as a tree."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePath

from sketchzoo.ignored import of_file, of_folder
from sketchzoo.storage.found import time_of
from sketchzoo_ingest.outcome import Reason, RefusedError
from sketchzoo_ingest.sources.local import LocalUris, printable, read_file
from sketchzoo_ingest.sources.tree import Node


class DiskTree:
    """A folder with all below it; links to files are followed, others where it is asked for."""

    def __init__(self, folder: Path, uris: LocalUris | None = None) -> None:
        """Take a folder that exists.

        Raises:
            ValueError: it is not a folder.

        """
        if not folder.is_dir():
            raise ValueError(f"{folder} is not a folder")
        self._uris = uris or LocalUris()
        self.name = printable(str(folder))
        self.top = str(folder)

    def nodes(self, folder: str, *, follow: bool = False) -> Iterator[Node]:
        """Yield what lies right below a folder, in the order of the names."""
        try:
            with os.scandir(folder) as found:
                entries = [entry for entry in found if not entry.name.startswith(".")]
        except OSError as error:
            raise _unlisted(error) from error
        entries.sort(key=lambda entry: entry.name)
        above = PurePath(folder).name
        return (_node(entry, above, follow=follow) for entry in entries)

    def inner(self, folder: str, name: str) -> str:
        """Return the path of a folder in a folder."""
        return str(Path(folder) / name)

    def uri(self, path: str) -> str:
        """Return a path's uri."""
        return self._uris.of(path)

    def origin(self, path: str) -> str:
        """Return the path, printable."""
        return printable(path)

    def read(self, path: str, limit: int) -> bytes:
        """Return a file's bytes."""
        return read_file(path, limit)


def _node(entry: os.DirEntry[str], above: str, *, follow: bool) -> Node:
    name, path = entry.name, entry.path
    try:
        if entry.is_dir(follow_symlinks=follow):
            return Node(name, path, is_folder=True, ignored=of_folder(name, above))
        if (kind := of_file(name) or (of_folder(name) if follow else None)) is not None:
            return Node(name, path, ignored=kind)
        found = entry.stat()
    except OSError as error:
        kind = of_folder(name) if follow else None
        return Node(name, path, ignored=kind, problem=_unlisted(error))
    if not stat.S_ISREG(found.st_mode):
        return Node(name, path, problem=RefusedError(Reason.NOT_A_FILE, "is not a file"))
    return Node(name, path, size=found.st_size, modified_at=time_of(found.st_mtime))


def _unlisted(error: OSError) -> RefusedError:
    """Refuse what may be a photo or a folder of photos: a disk that is away tells neither."""
    if error.errno == errno.ENOENT:
        # A link that leads nowhere, or what is gone since.
        return RefusedError(Reason.NOT_FOUND, f"is not there: {error.strerror}")
    return RefusedError(Reason.UNREADABLE, f"cannot be listed: {error.strerror}")
