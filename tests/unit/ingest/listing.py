"""A folder's listing in short words, for the tests of folders."""

from pathlib import Path

from sketchzoo_ingest.outcome import Reason, Refusal
from sketchzoo_ingest.sources import Candidate, FolderSource


def put(path: Path, content: bytes = b"x") -> Path:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def listed(source: FolderSource) -> list[tuple[str, str]]:
    """Return class and name of each photo."""
    return [
        (entry.class_name, Path(entry.location).name)
        for entry in source.candidates()
        if isinstance(entry, Candidate)
    ]


def refused(source: FolderSource) -> list[tuple[str, Reason]]:
    """Return name and reason of each refusal."""
    return [
        (Path(entry.origin).name, entry.reason)
        for entry in source.candidates()
        if isinstance(entry, Refusal)
    ]
