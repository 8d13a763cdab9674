"""A manifest: a row per photo, with its path, url or uri, its class and further columns."""

import posixpath
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from sketchzoo.fetch import Url
from sketchzoo.places import LocalFile, OutsideError, Place, Places, RowError
from sketchzoo.storage import Storage, StorageError
from sketchzoo.storage.local import find_file
from sketchzoo_ingest.outcome import Reason, Refusal, RefusedError
from sketchzoo_ingest.sources.columns import check_names
from sketchzoo_ingest.sources.local import LocalUris, read_file, refused
from sketchzoo_ingest.sources.named import NAMES, file_name, folder_name, named
from sketchzoo_ingest.sources.source import Candidate, Classes, ClassFrom, Entry
from sketchzoo_ingest.sources.table import Line, Table

WHERE = ("path", "url", "uri")


class ManifestSource:
    """Lists the rows of a table in their order.

    `class`, `folder`, `file_name`, `taken_at`, `camera`, `location` and `rating` are what a photo's
    own fields are; all further columns become payload fields.
    """

    # A manifest does not say which photos were in it once.
    root = None

    def __init__(
        self,
        name: str,
        table: Table,
        places: Places,
        *,
        storage: Storage,
        uris: LocalUris | None = None,
        class_from: ClassFrom | None = None,
    ) -> None:
        """Take a table that says where photos lie.

        Raises:
            ValueError: its columns cannot be used; the message says why.

        """
        self.name = name
        self._table = table
        self._places = places
        self._storage = storage
        self._uris = uris or LocalUris()
        if not set(WHERE) & set(table.columns):
            raise ValueError(
                f"{name} must have a column `path`, `url` or `uri`, "
                f"not {', '.join(map(repr, table.columns)) or 'none'}"
            )
        try:
            check_names(column for column in table.columns if column not in (*WHERE, *NAMES))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
        self.classes = _classes(name, table, class_from)

    def candidates(self) -> Iterator[Entry]:
        """Yield a photo for each row."""
        for line in self._table.lines():
            origin = f"{self.name}:{line.number}"
            if line.problem:
                yield Refusal(origin, Reason.BAD_ROW, line.problem)
                continue
            try:
                yield self._candidate(line, origin)
            except RefusedError as error:
                yield Refusal(origin, error.reason, error.message)

    def read(self, candidate: Candidate, limit: int) -> bytes:
        """Return a photo's bytes, from its file, its url or its store."""
        if not candidate.is_remote:
            return read_file(candidate.location, limit)
        try:
            return self._storage.read(candidate.location, limit)
        except StorageError as error:
            raise refused(error) from error

    def _candidate(self, line: Line, origin: str) -> Candidate:
        values = dict(line.values)
        fields = named(values)
        if self.classes.of is ClassFrom.NONE:
            fields.pop("class_name", None)
        where = {name: str(values.get(name, "")) for name in WHERE}
        try:
            place = self._places.locate(where)
        except OutsideError as error:
            raise RefusedError(
                Reason.OUTSIDE, f"{error}; --manifest-root allows another folder"
            ) from error
        except RowError as error:
            raise RefusedError(Reason.BAD_ROW, str(error)) from error
        payload = {name: v for name, v in values.items() if name not in (*WHERE, *NAMES)}
        folder = folder_name(self._places.folder_of(place))
        found = {**self._found(place), "folder": folder, **fields}
        return Candidate(origin=origin, payload=payload, **{"class_name": "", **found})

    def _found(self, place: Place) -> dict[str, Any]:
        if isinstance(place, Url):
            name = file_name(posixpath.basename(unquote(urlsplit(place.text).path)))
            return {"uri": place.text, "location": place.whole, "file_name": name}
        if not isinstance(place, LocalFile):
            name = file_name(posixpath.basename(place.uri))
            return {"uri": place.uri, "location": place.uri, "file_name": name}
        try:
            found = find_file(place.real)
            size, modified_at = found.size, found.modified_at
        except StorageError:
            size, modified_at = 0, None  # reading will say what is wrong
        return {
            "uri": self._uris.of(place.path),
            "location": str(place.real),
            "file_name": file_name(place.path.name),
            "size": size,
            "modified_at": modified_at,
        }


def _classes(name: str, table: Table, class_from: ClassFrom | None) -> Classes:
    has_column = "class" in table.columns
    if class_from is ClassFrom.FOLDER or (class_from is ClassFrom.COLUMN and not has_column):
        right = "column or none" if has_column else "none, or name a column `class`"
        raise ValueError(f"{name} is a table: --class-from must be {right}")
    if class_from is not None:
        return Classes(class_from)
    if has_column:
        return Classes(ClassFrom.COLUMN, "there is a column `class`")
    return Classes(ClassFrom.NONE, "there is no column `class`")
