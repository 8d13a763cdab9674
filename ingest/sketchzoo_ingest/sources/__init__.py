"""Sources: where photos come from.

A source is anything that fits the protocol `Source`: it lists `Candidate`s in a fixed
order and reads their bytes. Two are built in: a folder per class and a CSV manifest.
"""

from collections.abc import Sequence
from pathlib import Path

from sketchzoo_ingest.sources.folder import FolderSource
from sketchzoo_ingest.sources.local import LocalUris, UriPrefix
from sketchzoo_ingest.sources.manifest import ManifestSource
from sketchzoo_ingest.sources.source import Candidate, Emptied, Entry, PassedOver, Source
from sketchzoo_ingest.sources.web import Web

__all__ = [
    "Candidate",
    "Emptied",
    "Entry",
    "FolderSource",
    "LocalUris",
    "ManifestSource",
    "PassedOver",
    "Source",
    "UriPrefix",
    "Web",
    "open_source",
]


def open_source(
    text: str,
    web: Web | None = None,
    prefixes: Sequence[UriPrefix] = (),
    roots: Sequence[Path] = (),
) -> Source:
    """Open what the operator named: a folder, or a file that ends in `.csv`.

    A manifest's files may lie below its own folder and below `roots`.

    Raises:
        ValueError: it is neither; the message says what would be right.

    """
    path = Path(text)
    uris = LocalUris(prefixes)
    if path.is_dir():
        return FolderSource(path, uris)
    if path.suffix.lower() == ".csv" and path.is_file():
        return ManifestSource(path, web, uris, roots)
    if not path.exists():
        raise ValueError(f"{text} does not exist: name a folder per class or a CSV manifest")
    raise ValueError(f"{text} must be a folder per class or a CSV manifest (.csv)")
