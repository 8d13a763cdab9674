"""A manifest: which photos a gallery has, where they are and whose they are."""

import csv
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from gallery.limits import Limits

REQUIRED = ("class", "author", "licence", "licence_url", "source")
_WHERE = ("url", "path")
_OPTIONAL = ("sha256", "bytes", "crop")

_CLASS = re.compile(r"^[A-Za-z0-9][A-Za-z0-9 _-]{0,63}$")
_SHAPES = {
    "sha256": (re.compile(r"^([0-9a-f]{64})?$"), "64 lower-case hexadecimal digits or empty"),
    "bytes": (re.compile(r"^([0-9]{1,12})?$"), "a whole number or empty"),
}
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")

_Wrong = Callable[[str, str], "ManifestError"]
Box = tuple[float, float, float, float]


class ManifestError(ValueError):
    """A manifest that can't be used; the message names the line and the column."""


@dataclass(frozen=True, slots=True)
class Row:
    """One photo of a manifest."""

    where: str
    """An http or https URL, or a file's path on this machine."""
    label: str
    """The class."""
    author: str
    licence: str
    licence_url: str
    source: str
    """The page that shows the photo and its licence."""
    sha256: str = ""
    """Of the bytes as they are at the source; empty if not known."""
    size: int | None = None
    """In bytes, if known."""
    crop: Box | None = None
    """Left, top, right and bottom of the part that is kept, as shares of width and height."""

    @property
    def local(self) -> bool:
        """Whether the photo is a file on this machine."""
        return not is_url(self.where)

    @property
    def stem(self) -> str:
        """A file name without its ending: readable, safe and different for each photo."""
        last = PurePosixPath(unquote(urlsplit(self.where).path)).stem
        readable = _UNSAFE.sub("-", last).strip("-")[:48] or "photo"
        mark = hashlib.sha256(f"{self.where}\n{self.crop}".encode()).hexdigest()[:8]
        return f"{readable}-{mark}"


def is_url(where: str) -> bool:
    """Tell an http or https URL from a path."""
    return urlsplit(where).scheme in ("http", "https")


def read_manifest(path: Path, limits: Limits | None = None) -> list[Row]:
    """Read a manifest: a CSV file (RFC 4180, UTF-8) with a header.

    Columns: `url` or `path` (relative to the manifest's folder), `class`, `author`, `licence`,
    `licence_url`, `source`, and, where known, `sha256`, `bytes` and `crop`.

    Raises `ManifestError` at the first thing that is wrong.
    """
    limits = limits or Limits()
    rows: list[Row] = []
    seen: dict[str, int] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for line, cells in _lines(path, file):
                if len(rows) == limits.max_files:
                    raise ManifestError(f"{path} has over {limits.max_files} rows (max_files)")
                row = _row(cells, path, line)
                if row.stem in seen:
                    raise ManifestError(
                        f"{path} line {line}: the same photo as line {seen[row.stem]}"
                    )
                seen[row.stem] = line
                rows.append(row)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ManifestError(f"{path} can't be read as a UTF-8 CSV file: {error}") from error
    if not rows:
        raise ManifestError(f"{path} has no rows")
    return rows


def _lines(path: Path, file: Iterator[str]) -> Iterator[tuple[int, Mapping[str, str]]]:
    reader = csv.DictReader(file, strict=True)
    header = reader.fieldnames or []
    missing = [name for name in REQUIRED if name not in header]
    if missing or not any(name in header for name in _WHERE):
        wanted = ", ".join(missing or ["url (or path)"])
        raise ManifestError(f"{path} lacks the column {wanted}")
    if len(set(header)) != len(header):
        raise ManifestError(f"{path} names a column twice")
    for cells in reader:
        if None in cells or None in cells.values():
            raise ManifestError(f"{path} line {reader.line_num}: not {len(header)} cells, as above")
        yield reader.line_num, {name: text.strip() for name, text in cells.items()}


def _row(cells: Mapping[str, str], path: Path, line: int) -> Row:
    def wrong(column: str, wanted: str) -> ManifestError:
        return ManifestError(
            f"{path} line {line}: {column} must be {wanted}, not {cells.get(column, '')!r}"
        )

    given = [name for name in _WHERE if cells.get(name)]
    if len(given) != 1:
        raise ManifestError(f"{path} line {line}: fill in url or path, one of the two")
    if not _CLASS.match(cells["class"]):
        raise wrong("class", "letters, digits, spaces, _ and -, at most 64")
    for name in ("author", "licence", "licence_url", "source"):
        if not cells[name]:
            raise wrong(name, "filled in")
    for name, (shape, wanted) in _SHAPES.items():
        if not shape.match(cells.get(name, "")):
            raise wrong(name, wanted)
    where = _where(given[0], cells[given[0]], path.parent, wrong)
    try:
        crop = _crop(cells.get("crop", ""))
    except ValueError as error:
        raise wrong("crop", "left top right bottom as shares 0..1, or empty") from error
    return Row(
        where=where,
        label=cells["class"],
        author=cells["author"],
        licence=cells["licence"],
        licence_url=cells["licence_url"],
        source=cells["source"],
        sha256=cells.get("sha256", ""),
        size=int(cells["bytes"]) if cells.get("bytes") else None,
        crop=crop,
    )


def _where(column: str, text: str, folder: Path, wrong: _Wrong) -> str:
    """Return a usable URL, or the path of a file under the manifest's folder, links followed."""
    if column == "path":
        found = (folder / text).resolve()
        if not found.is_relative_to(folder.resolve()):
            raise wrong("path", "a file under the manifest's own folder")
        return str(found)
    try:
        usable = is_url(text) and bool(urlsplit(text).hostname)
    except ValueError:
        usable = False
    if not usable:
        raise wrong("url", "an http or https URL")
    return text


def _crop(text: str) -> Box | None:
    if not text:
        return None
    left, top, right, bottom = (float(part) for part in text.split())
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise ValueError(text)
    return left, top, right, bottom
