"""The plan: what a job's processes on the cluster are told, a plain value."""

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sketchzoo.encoder_client import EncoderModel
from sketchzoo.storage import SCHEMES, Storage, scheme_of
from sketchzoo_ingest.settings import IngestSettings
from sketchzoo_ingest.sources import ClassFrom, Source, open_source


@dataclass(frozen=True, slots=True)
class Plan:
    """A job: its sources by name, where each one's classes come from, and where photos go.

    `folder` is where relative names begin, `records` the folder of this job's records, `letters`
    the file of its dead letters.
    """

    settings: IngestSettings
    names: tuple[str, ...]
    class_from: tuple[ClassFrom, ...]
    folder: str
    model: EncoderModel
    collection: str
    records: str
    letters: str

    def storage(self) -> Storage:
        """Return what reads the sources, to be entered."""
        return storage_of(self.settings, self.names)

    def sources(self, storage: Storage) -> list[Source]:
        """Open the sources, in a process of the job's own."""
        with suppress(OSError):
            # The driver's folder may be another machine's: then names must be absolute.
            os.chdir(self.folder)
        settings = self.settings
        return [
            open_source(name, storage, settings.uri_prefixes(), settings.manifest_root, classes)
            for name, classes in zip(self.names, self.class_from, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Draft:
    """A job before its encoder told its model."""

    settings: IngestSettings
    names: tuple[str, ...]
    class_from: tuple[ClassFrom, ...]
    checkpoint: str

    def plan(self, model: EncoderModel, collection: str) -> Plan:
        """Return the plan; a job that is run again has the records of the run before."""
        settings, folder = self.settings, str(Path.cwd())
        told = (
            *(folder, self.names, [str(each) for each in self.class_from], collection),
            *(settings.uri_prefix, settings.manifest_root, settings.no_location, settings.verify),
            settings.ray_partition_photos,
        )
        key = hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]
        records = f"{self.checkpoint.rstrip('/')}/{settings.gallery}-{key}"
        letters = settings.dead_letters or f"{records}/dead-letters.parquet"
        named = self.names, self.class_from, folder
        return Plan(settings, *named, model, collection, records, letters)


def storage_of(settings: IngestSettings, names: Sequence[str]) -> Storage:
    """Return what reads sources of these names: schemes always read, and those they name."""
    named = {scheme_of(name) for name in (*names, *settings.manifest_root)} - {""}
    return Storage(SCHEMES | named, settings.fetch_limits(), settings.copy_limits())
