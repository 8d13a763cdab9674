"""A manifest: which photos a sample has, where they are and whose they are."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from sample_gallery.limits import Limits
from sketchzoo.class_names import ClassNameError, class_name
from sketchzoo.fetch import Url
from sketchzoo.ignored import of_folder
from sketchzoo.manifest import Manifest, ManifestError
from sketchzoo.manifest import Row as ManifestRow
from sketchzoo.places import RowError, StoredFile

REQUIRED = ("class", "author", "licence", "licence_url", "source")

_SHAPES = {
    "sha256": (re.compile(r"([0-9a-f]{64})?"), "64 lower-case hexadecimal digits or empty"),
    "bytes": (re.compile(r"([0-9]{1,12})?"), "a whole number or empty"),
}
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
_UNSAFE_CLASS = re.compile(r'[/\\:*?"<>|]')
_UNSAFE_SHOWN = '/ \\ : * ? " < > | and dots at its ends'
_MAX_FOLDER = 255

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Row:
    """One photo of a manifest."""

    where: str
    """An http or https URL without user info, or a file's path on this machine."""
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
    url: Url | None = None
    """Where it lies on the web; None for a file on this machine."""

    @property
    def stem(self) -> str:
        """A file name without its ending: readable, safe and different for each photo."""
        last = PurePosixPath(unquote(urlsplit(self.where).path)).stem
        readable = _UNSAFE.sub("-", last).strip("-")[:48] or "photo"
        mark = hashlib.sha256(f"{self.where}\n{self.crop}".encode()).hexdigest()[:8]
        return f"{readable}-{mark}"


def read_manifest(path: Path, limits: Limits | None = None) -> list[Row]:
    """Read a manifest (see `sketchzoo.manifest`) that says whose its photos are.

    Columns: `url` or `path`, `class`, `author`, `licence`, `licence_url`, `source`, and, where
    known, `sha256`, `bytes` and `crop`.

    Raises `ManifestError` at the first thing that is wrong.
    """
    limits = limits or Limits()
    manifest = Manifest(path, required=REQUIRED)
    rows: list[Row] = []
    seen: dict[str, int] = {}
    for line in manifest.rows():
        if len(rows) == limits.max_files:
            raise ManifestError(f"{path} has over {limits.max_files} rows (max_files)")
        try:
            row = _row(manifest, line)
        except RowError as error:
            raise ManifestError(f"{path} line {line.line}: {error}") from error
        if row.stem in seen:
            raise ManifestError(f"{path} line {line.line}: the same photo as line {seen[row.stem]}")
        seen[row.stem] = line.line
        rows.append(row)
    if not rows:
        raise ManifestError(f"{path} has no rows")
    return rows


def _row(manifest: Manifest, line: ManifestRow) -> Row:
    if line.problem:
        raise RowError(line.problem)
    cells = line.cells
    found = manifest.locate(line)
    if isinstance(found, StoredFile):
        raise RowError("must have a path or a url: a sample's photos lie in no bucket")
    where = found.text if isinstance(found, Url) else str(found.real)
    try:
        where.encode()
    except UnicodeEncodeError as error:
        # It is written into reports and files, and a name is made of it.
        raise RowError(f"path must be UTF-8, not {where[:200]!a}") from error
    for name in ("author", "licence", "licence_url", "source"):
        if not cells[name]:
            raise RowError(f"{name} must be filled in, not empty")
    for name, (shape, wanted) in _SHAPES.items():
        if not shape.fullmatch(cells.get(name, "")):
            raise RowError(f"{name} must be {wanted}, not {cells[name][:200]!r}")
    return Row(
        where=where,
        label=_label(cells["class"]),
        author=cells["author"],
        licence=cells["licence"],
        licence_url=cells["licence_url"],
        source=cells["source"],
        sha256=cells.get("sha256", ""),
        size=int(cells["bytes"]) if cells.get("bytes") else None,
        crop=_crop(cells.get("crop", "")),
        url=found if isinstance(found, Url) else None,
    )


def _label(text: str) -> str:
    """Return the class, which names a folder on every system that photos are copied to."""
    try:
        name = class_name(text)
    except ClassNameError as error:
        raise RowError(f"class must be a name: {error}") from error
    if name.startswith(".") or name.endswith(".") or _UNSAFE_CLASS.search(name) or of_folder(name):
        raise RowError(f"class must be a folder's name, without {_UNSAFE_SHOWN}, not {name!r}")
    if len(name.encode()) > _MAX_FOLDER:
        raise RowError(f"class must have at most {_MAX_FOLDER} bytes, as folders' names do")
    return name


def _crop(text: str) -> Box | None:
    if not text:
        return None
    try:
        left, top, right, bottom = (float(part) for part in text.split())
    except ValueError:
        left, top, right, bottom = 1, 1, 0, 0
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise RowError(
            f"crop must be left top right bottom as shares 0..1, or empty, not {text[:200]!r}"
        )
    return left, top, right, bottom
