"""Opening what the operator named: a folder, a table or tar files, here or elsewhere."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from sketchzoo.fetch import Url
from sketchzoo.manifest import Manifest
from sketchzoo.places import Places
from sketchzoo.storage import Storage, StorageError, local, scheme_of
from sketchzoo_ingest.sources.folder import FolderSource, TreeSource
from sketchzoo_ingest.sources.local import LocalUris, UriPrefix, printable
from sketchzoo_ingest.sources.manifest import WHERE, ManifestSource
from sketchzoo_ingest.sources.parquet import ParquetTable
from sketchzoo_ingest.sources.pattern import expanded
from sketchzoo_ingest.sources.source import ClassFrom, Source
from sketchzoo_ingest.sources.stored import BucketTree, IndexTree
from sketchzoo_ingest.sources.table import CsvTable, Table
from sketchzoo_ingest.sources.tar import TarSource
from sketchzoo_ingest.sources.tree import Tree

_KINDS = (
    "a folder, a CSV manifest (.csv), a Parquet table (.parquet) or tar files (.tar, .tar.gz, .tgz)"
)
_TABLES = (".csv", ".parquet")
_TARS = (".tar", ".tar.gz", ".tgz")
_WEB = ("http", "https")


def open_source(
    text: str,
    storage: Storage | None = None,
    prefixes: Sequence[UriPrefix] = (),
    roots: Sequence[str | Path] = (),
    class_from: ClassFrom | None = None,
) -> Source:
    """Open what the operator named, by a path or a uri.

    A manifest's files may lie below its own folder and below `roots`, paths or uris.

    Raises:
        ValueError: it is nothing of that kind; the message says what would be right.

    """
    storage = storage or Storage()
    uris = LocalUris(prefixes)
    text = _plain(text)
    scheme = scheme_of(text)
    if not scheme and Path(text).is_dir():
        return FolderSource(Path(text), uris, class_from)
    ending = text.partition("?")[0].lower() if scheme in _WEB else text.lower()
    if ending.endswith(_TARS):
        shards = expanded(text, storage)
        return TarSource(_shown(text), shards, storage, uris, class_from)
    if ending.endswith(_TABLES):
        files = expanded(text, storage) if ending.endswith(".parquet") else [_uri(text)]
        return _table(text, files, storage=storage, uris=uris, roots=roots, class_from=class_from)
    if scheme:
        return TreeSource(_elsewhere(text, storage), class_from)
    if not Path(text).exists():
        raise ValueError(f"{text} does not exist: name {_KINDS}")
    raise ValueError(f"{text} must be {_KINDS}")


def _plain(text: str) -> str:
    """Return a file: uri as a path, and a folder that is one table as the pattern of its files."""
    if scheme_of(text) == "file":
        text = str(local.path_of(text))
    is_folder = text.endswith("/") or Path(text).is_dir()
    if is_folder and text.rstrip("/").lower().endswith(".parquet") and scheme_of(text) not in _WEB:
        return f"{text.rstrip('/')}/*.parquet"  # as Spark and Dask write one table
    return text


def _uri(text: str) -> str:
    """Return the uri of a file that is there."""
    if scheme_of(text):
        return text
    if not Path(text).is_file():
        raise ValueError(f"{text} does not exist: name {_KINDS}")
    return Path(text).absolute().as_uri()


def _elsewhere(text: str, storage: Storage) -> Tree:
    if scheme_of(text) not in _WEB:
        return BucketTree(text, storage)
    url = Url.parse(text)
    if not url.text.endswith("/"):
        raise ValueError(
            f"{url.shown} must be {_KINDS}, or the page of a folder that ends in a slash"
        )
    return IndexTree(url, storage)


def local_folders(text: str) -> list[Path]:
    """Return the folders of this machine in which the photos of what was named may lie."""
    if scheme_of(text) == "file":
        text = str(local.path_of(text))
    elif scheme_of(text):
        return []
    path = Path(text)
    while not path.is_dir():
        # A file, or a pattern of files in folders that may be patterns themselves.
        path = path.parent
    return [path]


def _table(
    text: str,
    files: Sequence[str],
    *,
    storage: Storage,
    uris: LocalUris,
    roots: Sequence[str | Path],
    class_from: ClassFrom | None,
) -> ManifestSource:
    is_remote = bool(scheme_of(text))
    name = _shown(text)
    plain = text.partition("?")[0] if scheme_of(text) in _WEB else text
    base = f"{plain.rpartition('/')[0]}/" if is_remote else ""
    places = Places(
        None if is_remote else Path(text).parent,
        [Path(root) for root in roots if not scheme_of(str(root))],
        base=base,
        stores=[str(root) for root in roots if scheme_of(str(root))],
        columns=WHERE,
    )
    openings = [_opener(storage, file) for file in files]
    table: Table
    if plain.lower().endswith(".parquet"):
        table = ParquetTable(name, openings)
    else:
        manifest = Manifest(name, required=(), places=places, opening=openings[0])
        table = CsvTable(manifest, places)
    return ManifestSource(name, table, places, storage=storage, uris=uris, class_from=class_from)


def _opener(storage: Storage, uri: str) -> Callable[[], BinaryIO]:
    def opening() -> BinaryIO:
        try:
            return storage.open(uri)
        except StorageError as error:
            raise OSError(str(error)) from error

    return opening


def _shown(text: str) -> str:
    return printable(Url.parse(text).shown if scheme_of(text) in _WEB else text)
