"""Tar files of photos: one, or as many shards as a pattern names."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from sketchzoo.fetch import Url
from sketchzoo.storage import Member, Storage, StorageError, local, member, scheme_of
from sketchzoo_ingest.outcome import Reason, Refusal, RefusedError
from sketchzoo_ingest.sources.columns import usable
from sketchzoo_ingest.sources.gallery_layout import is_class
from sketchzoo_ingest.sources.local import LocalUris, printable, refused
from sketchzoo_ingest.sources.named import NAMES, file_name, folder_name, named
from sketchzoo_ingest.sources.shard import File, Sample, samples
from sketchzoo_ingest.sources.source import (
    Candidate,
    Classes,
    ClassFrom,
    Entry,
    PassedOver,
    check_class,
)

# So many of the first photos tell where classes come from.
_LOOKED_AT = 200


class TarSource:
    """Lists the photos of tar files in the order that they lie in.

    A photo's columns are those of the JSON beside it. Files on this machine are read in
    place; others, and compressed ones, from temporary copies.
    """

    def __init__(
        self,
        name: str,
        shards: Sequence[str],
        storage: Storage,
        uris: LocalUris,
        class_from: ClassFrom | None = None,
    ) -> None:
        """Take tar files by their uris, at least one.

        Raises:
            ValueError: the first cannot be opened; the message says why.

        """
        self.name = printable(name)
        self.shards = tuple(shards)
        self._storage = storage
        self._uris = uris
        self.classes = Classes(class_from) if class_from else self._look()

    @property
    def root(self) -> str | None:
        """What the uris of one file's photos begin with; of several, nobody knows what was."""
        return member.root(self._named(self.shards[0])) if len(self.shards) == 1 else None

    def candidates(self) -> Iterator[Entry]:
        """Yield the photos, file by file."""
        for shard in self.shards:
            yield from self.of(shard)

    def of(self, shard: str) -> Iterator[Entry]:
        """Yield the photos of one of the files."""
        try:
            modified_at = found.modified_at if (found := self._storage.find(shard)) else None
            for sample in self._samples(shard):
                yield from self._entries(shard, sample, modified_at)
        except StorageError as error:
            yield self._refuse(shard, "", refused(error))

    def is_copied(self, shard: str) -> bool:
        """Tell whether a file is copied to be read: it lies elsewhere or is compressed."""
        return scheme_of(shard) != "file" or member.is_packed(shard)

    def told_of(self, shard: str) -> tuple[int | None, datetime | None]:
        """Return a file's size and time of change, None where only reading tells."""
        try:
            found = self._storage.find(shard)
        except StorageError:
            return None, None  # listing will say what is wrong
        return (found.size, found.modified_at) if found else (None, None)

    def read(self, candidate: Candidate, limit: int) -> bytes:
        """Return a photo's bytes, from its file or the copy of it."""
        try:
            found = Member.parse(candidate.location)
            if found.size > limit:
                return self._storage.read(candidate.location, limit)  # which says so
            with self._storage.open(
                found.container, unpacked=member.is_packed(found.container)
            ) as file:
                file.seek(found.first)
                return file.read(found.size)
        except StorageError as error:
            raise refused(error) from error
        except OSError as error:
            raise RefusedError(Reason.UNREADABLE, f"cannot be read: {error.strerror}") from error

    def _samples(self, shard: str) -> Iterator[Sample]:
        with self._storage.open(shard, unpacked=member.is_packed(shard)) as file:
            yield from samples(file)

    def _entries(self, shard: str, sample: Sample, modified_at: datetime | None) -> Iterator[Entry]:
        for kind in sample.ignored:
            yield PassedOver(kind)
        for spoilt in sample.spoilt:
            yield self._refuse(shard, spoilt.name, spoilt.error)
        for photo in sample.photo_members():
            try:
                yield self._candidate(shard, photo, sample.beside, modified_at)
            except RefusedError as error:
                yield self._refuse(shard, photo.name, error)

    def _candidate(
        self, shard: str, photo: File, beside: dict[str, Any], modified_at: datetime | None
    ) -> Candidate:
        folder, _, name = photo.name.rpartition("/")
        fields = {"folder": folder_name(folder), "file_name": file_name(name)} | named(
            beside, strict=False
        )
        if self.classes.of is not ClassFrom.COLUMN:
            fields.pop("class_name", None)
        if self.classes.of is ClassFrom.FOLDER and folder:
            fields["class_name"] = check_class(folder.partition("/")[0])
        named_as = self._named(shard)
        return Candidate(
            uri=Member(named_as, photo.name, photo.first, photo.size).uri,
            location=Member(shard, photo.name, photo.first, photo.size).uri,
            origin=_origin(named_as, photo.name),
            size=photo.size,
            modified_at=modified_at,
            payload=usable({key: v for key, v in beside.items() if key not in NAMES}),
            **{"class_name": "", **fields},
        )

    def _refuse(self, shard: str, name: str, error: RefusedError) -> Refusal:
        named_as = self._named(shard)
        uri = member.root(named_as) + member.quoted(name)
        return Refusal(_origin(named_as, name), error.reason, error.message, uri)

    def _named(self, shard: str) -> str:
        """Return the uri that a tar file is known by: without user info, and by prefixes."""
        if scheme_of(shard) == "file":
            return self._uris.of(local.path_of(shard))
        return Url.parse(shard).text if scheme_of(shard) in ("http", "https") else shard

    def _look(self) -> Classes:
        """Look at the first photos: whether something beside them or their folder is a class."""
        try:
            first = list(islice(self._samples(self.shards[0]), _LOOKED_AT))
        except StorageError as error:
            raise ValueError(f"{_origin(self._named(self.shards[0]))} {error}") from error
        if any("class" in sample.beside for sample in first):
            return Classes(ClassFrom.COLUMN, "a class stands beside the photos")
        names = [photo.name for sample in first for photo in sample.photo_members()]
        folders = {name.partition("/")[0] for name in names if "/" in name}
        if not folders or any("/" not in name for name in names):
            return Classes(ClassFrom.NONE, "photos lie in no folder, and no class beside them")
        if 2 * sum(map(is_class, folders)) <= len(folders):
            why = "its folders are called by dates and devices"
            return Classes(ClassFrom.NONE, f"{why}; --class-from folder takes them all the same")
        return Classes(ClassFrom.FOLDER, "the folders have names of classes")


def _origin(shard: str, name: str = "") -> str:
    """Return what people call a tar file, or a member of it."""
    shown = Url.parse(shard).shown if scheme_of(shard) in ("http", "https") else shard
    return printable(f"{shown}!/{name}" if name else shown)
