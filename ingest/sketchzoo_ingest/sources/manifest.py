"""A CSV manifest: a row per photo, with its path or url, its class and further columns."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from sketchzoo.fetch import Url
from sketchzoo.manifest import Manifest, OutsideError, Row, RowError
from sketchzoo_ingest.outcome import Reason, Refusal, RefusedError
from sketchzoo_ingest.sources.columns import Columns, check_names
from sketchzoo_ingest.sources.local import LocalUris, printable, read_file
from sketchzoo_ingest.sources.source import Candidate, Entry, check_class
from sketchzoo_ingest.sources.web import Web

_OWN = ("path", "url", "class")


class ManifestSource:
    """Lists the rows of a manifest (see `sketchzoo.manifest`) in their order.

    All further columns become payload fields; a column's type is inferred from all of its
    rows.
    """

    # A manifest does not say which photos were in it once.
    root = None

    def __init__(
        self,
        path: Path,
        web: Web | None = None,
        uris: LocalUris | None = None,
        roots: Sequence[Path] = (),
    ) -> None:
        """Read the header and all rows once, to learn the columns' types.

        Raises:
            ValueError: the file or its header cannot be used; the message says why.

        """
        self.name = printable(str(path))
        self._web = web or Web()
        self._uris = uris or LocalUris()
        self._manifest = Manifest(path, roots=roots)
        try:
            check_names(name for name in self._manifest.columns if name not in _OWN)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        rows = self._manifest.rows()
        self._columns = Columns.infer(_further(row) for row in rows if not row.problem)

    def candidates(self) -> Iterator[Entry]:
        """Yield a photo for each row."""
        for row in self._manifest.rows():
            origin = f"{self.name}:{row.line}"
            if row.problem:
                yield Refusal(origin, Reason.BAD_ROW, row.problem)
                continue
            try:
                yield self._candidate(row, origin)
            except RefusedError as error:
                yield Refusal(origin, error.reason, error.message)

    def read(self, candidate: Candidate, limit: int) -> bytes:
        """Return a photo's bytes, from its file or its url."""
        if candidate.size is None:
            return self._web.read(Url.parse(candidate.location), limit)
        return read_file(candidate.location, limit)

    def _candidate(self, row: Row, origin: str) -> Candidate:
        class_name = check_class(row.cells["class"])
        try:
            found = self._manifest.locate(row)
        except OutsideError as error:
            raise RefusedError(
                Reason.OUTSIDE, f"{error}; --manifest-root allows another folder"
            ) from error
        except RowError as error:
            raise RefusedError(Reason.BAD_ROW, str(error)) from error
        try:
            payload = self._columns.payload(_further(row))
        except ValueError as error:
            raise RefusedError(Reason.BAD_ROW, str(error)) from error
        if isinstance(found, Url):
            return Candidate(found.text, class_name, found.whole, origin, payload=payload)
        try:
            size = found.real.stat().st_size
        except OSError:
            size = 0  # reading will say what is wrong
        uri = self._uris.of(found.path)
        return Candidate(uri, class_name, str(found.real), origin, size, payload)


def _further(row: Row) -> dict[str, str]:
    return {name: text for name, text in row.cells.items() if name not in _OWN}
