"""Trees: folders in folders with photos in them, on a disk, in a bucket or behind a url."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sketchzoo.ignored import Ignored
from sketchzoo_ingest.outcome import Reason, RefusedError


@dataclass(frozen=True, slots=True)
class Node:
    """What lies in a folder: a folder, a file, or what is neither.

    `path` is what its tree finds it by. `ignored` says what it is where its name tells that it
    is no photo; `problem` why it cannot be used, where that is known without reading it:
    what is not there may be a folder as well as a file.
    """

    name: str
    path: str
    is_folder: bool = False
    size: int | None = None
    modified_at: datetime | None = None
    ignored: Ignored | None = None
    problem: RefusedError | None = None

    @property
    def may_be_folder(self) -> bool:
        """Whether photos may lie below it."""
        is_told = self.problem is None or self.problem.reason is Reason.NOT_A_FILE
        return self.ignored is None and (self.is_folder or not is_told)

    @property
    def may_be_photo(self) -> bool:
        """Whether it is a file that may be a photo."""
        return not (self.is_folder or self.ignored or self.problem)


class Tree(Protocol):
    """What a listing asks of a disk or a store; called in a thread."""

    @property
    def name(self) -> str:
        """What the operator called it."""

    @property
    def top(self) -> str:
        """The path of its outermost folder."""

    def nodes(self, folder: str, *, follow: bool = False) -> Iterable[Node]:
        """Return what lies right below a folder, in the order of the names.

        Hidden is left out: what has a name that starts with a dot. With `follow`, a link to
        a folder is one.

        Raises:
            RefusedError: it cannot be listed.

        """

    def inner(self, folder: str, name: str) -> str:
        """Return the path of a folder in a folder, which may be away."""

    def uri(self, path: str) -> str:
        """Return the uri of what lies at a path."""

    def origin(self, path: str) -> str:
        """Return what people call a path, printable."""

    def read(self, path: str, limit: int) -> bytes:
        """Return a file's bytes, at most `limit`; called in threads, several at once.

        Raises:
            RefusedError: it cannot be read, or has more.

        """
