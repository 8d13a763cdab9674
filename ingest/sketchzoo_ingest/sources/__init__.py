"""Sources: where photos come from.

A source is anything that fits the protocol `Source`: it lists `Candidate`s in a fixed
order and reads their bytes. Built in are folders (here, in a bucket, behind a url), tables (CSV,
Parquet) and tar files.
"""

from sketchzoo_ingest.sources.folder import FolderSource
from sketchzoo_ingest.sources.local import LocalUris, UriPrefix
from sketchzoo_ingest.sources.manifest import ManifestSource
from sketchzoo_ingest.sources.opening import local_folders, open_source
from sketchzoo_ingest.sources.source import (
    Candidate,
    Classes,
    ClassFrom,
    Emptied,
    Entry,
    PassedOver,
    Source,
)
from sketchzoo_ingest.sources.tar import TarSource

__all__ = [
    "Candidate",
    "ClassFrom",
    "Classes",
    "Emptied",
    "Entry",
    "FolderSource",
    "LocalUris",
    "ManifestSource",
    "PassedOver",
    "Source",
    "TarSource",
    "UriPrefix",
    "local_folders",
    "open_source",
]
