"""Parts of folders: some paths alone, what they are, and whether their places are there."""

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sketchzoo.ignored import of_file, of_folder
from sketchzoo_ingest.outcome import Refusal
from sketchzoo_ingest.sources import Candidate, Classes, Emptied, Entry, FolderSource
from sketchzoo_ingest.survey import Survey


@dataclass(frozen=True, slots=True)
class Part:
    """A folder of which only some paths are listed."""

    whole: FolderSource
    paths: Collection[str]
    root: str | None = None

    @property
    def name(self) -> str:
        """What the operator called the folder."""
        return self.whole.name

    @property
    def classes(self) -> Classes:
        """Where the folder's classes come from."""
        return self.whole.classes

    def candidates(self) -> Iterator[Entry]:
        """Yield what lies at the paths and below."""
        return self.whole.candidates(self.paths)

    def read(self, candidate: Candidate, limit: int) -> bytes:
        """Return a file's bytes."""
        return self.whole.read(candidate, limit)


def within(source: FolderSource, paths: Sequence[str]) -> list[str]:
    """Return the paths in a source's folder, as its listing has them."""
    top = source.top
    whole = os.path.abspath(top)  # noqa: PTH100 - links stay as they are
    return [
        str(top / os.path.relpath(path, whole)) for path in paths if path.startswith(whole + os.sep)
    ]


def is_there(path: str, *, follow: bool = False) -> bool:
    """Tell whether something lies at a path; that a disk cannot tell does not say that not."""
    try:
        os.stat(path, follow_symlinks=follow)  # noqa: PTH116 - of bytes, too
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def may_be_photo(source: FolderSource, path: str) -> bool:
    """Tell whether a listing of the source would look at a path, by its name."""
    for inner in within(source, [path]):
        *above, name = Path(inner).relative_to(source.top).parts
        return not (
            name.startswith(".")
            or of_file(name)
            or any(part.startswith(".") or of_folder(part) for part in above)
        )
    return False


def branches_of(source: FolderSource, paths: Sequence[str]) -> frozenset[str]:
    """Return what is to be listed to learn whether the places of paths are there.

    The first folders below the source that they lie in; all of it where they lie right there.
    """
    top = source.top
    branches: set[str] = set()
    for path in paths:
        first, *others = Path(path).relative_to(top).parts
        branches.add(str(top / first) if others else str(top))
    return frozenset(branches)


def survey_of(source: FolderSource, branches: Collection[str]) -> Survey:
    """List branches of a source, without reading a file."""
    survey = Survey()
    for entry in source.candidates(branches):
        if isinstance(entry, Candidate):
            survey.read(entry.uri)
        elif isinstance(entry, Emptied):
            survey.emptied(entry.uri)
        elif isinstance(entry, Refusal):
            survey.unread(entry)
    return survey
