"""The folder's lock file: which bytes each photo had when it was first fetched.

A line of JSON a photo, appended as soon as the photo is in place, so that a run that is killed
loses nothing. A later line about the same photo replaces an earlier one.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from sample_gallery.fetch._manifest import Row

NAME = "gallery.lock"


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of a photo that is in place."""

    where: str
    crop: str
    sha256: str
    """Of the bytes at the source."""
    bytes: int
    """At the source."""
    file: str
    """Relative to the folder."""
    file_sha256: str
    """Of the file here, which may be cropped or smaller than its source."""
    changed: str
    """What was done to the photo, as its licence asks to say; empty if nothing."""


def key(row: Row) -> tuple[str, str]:
    """Return what tells a photo from all others of a folder."""
    return row.where, "" if row.crop is None else " ".join(f"{v:g}" for v in row.crop)


class Lock:
    """The lock file of one folder."""

    def __init__(self, folder: Path) -> None:
        """Read what is there. A last line cut short by a kill is dropped."""
        self._path = folder / NAME
        self._entries: dict[tuple[str, str], Entry] = {}
        if not self._path.exists():
            return
        content = self._path.read_bytes()
        lines = content.split(b"\n")
        for number, line in enumerate(lines, 1):
            if not line:
                continue
            try:
                entry = Entry(**json.loads(line))
            except (ValueError, TypeError) as error:
                if number == len(lines):
                    # In place: whoever works in the folder holds a lock on this very file.
                    os.truncate(self._path, len(content) - len(line))
                    break
                raise ValueError(f"{self._path} line {number} is damaged: {error}") from error
            self._entries[entry.where, entry.crop] = entry

    def get(self, row: Row) -> Entry | None:
        """Return what is known of a photo."""
        return self._entries.get(key(row))

    def add(self, entry: Entry) -> None:
        """Write down that a photo is in place."""
        self._entries[entry.where, entry.crop] = entry
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(entry), ensure_ascii=False) + "\n")
