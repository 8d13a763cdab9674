"""Roots that were ingested: folders that `ingest` lists in a file and search may read photos from.

The file has an absolute path a line. It lies in the data folder of a stack on this machine,
and only who may write there can name a folder: a photo's uri never can.
"""

import os
from collections.abc import Iterable
from pathlib import Path


class RootsFile:
    """The list in its file, which may not be there yet and may grow while it is read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._folders: tuple[Path, ...] = ()

    def add(self, folders: Iterable[Path]) -> None:
        """List folders that are not listed yet.

        Raises:
            OSError: the file can't be written, or a folder is not there.
            ValueError: a folder's path holds a line break.

        """
        listed = set(self.read())
        wanted = [whole for each in folders if (whole := each.resolve(strict=True)) not in listed]
        lines = [os.fsencode(each) for each in dict.fromkeys(wanted)]
        for line in lines:
            if b"\n" in line:
                raise ValueError(f"{os.fsdecode(line)!r}: a folder's path must hold no line break")
        if lines:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Appended in one write: two ingests at once leave each other's lines whole.
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                file.write(b"".join(line + b"\n" for line in lines))

    def read(self) -> tuple[Path, ...]:
        """Return the folders, in the order they came; none where the file can't be read."""
        try:
            found = self._path.stat()
            seen = (found.st_mtime_ns, found.st_size)
            if seen != self._seen:
                # Not `splitlines`: a carriage return in a folder's name begins no other folder.
                lines = self._path.read_bytes().split(b"\n")
                named = (Path(os.fsdecode(line)) for line in lines if line)
                self._folders = tuple(each for each in named if each.is_absolute())
                self._seen = seen
        except OSError:
            self._seen, self._folders = None, ()
        return self._folders
