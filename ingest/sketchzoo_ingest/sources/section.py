"""Sections: a source's listing cut into pieces, each worked on by itself and done as a whole."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from sketchzoo_ingest.sources.source import Entry, Source
from sketchzoo_ingest.sources.tar import TarSource


@dataclass(frozen=True, slots=True)
class Section:
    """A piece of the listing of a job's source number `source`: entries, or a shard to be listed.

    `version` is another where another piece is meant: what was done of one stands for the other
    only where both have the same. A plain value, which may be sent to another machine.
    """

    source: int
    version: str
    entries: tuple[Entry, ...] = ()
    shard: str = ""


def sections(source: Source, number: int, photos: int) -> Iterator[Section]:
    """Cut the listing of a job's source of this number into sections of so many entries, in order.

    A tar file that would be copied to be listed is a section of its own: whoever reads its photos
    copies it anyway. Of the listing no more is held than a section.
    """
    if not isinstance(source, TarSource):
        yield from _cut(source.candidates(), number, photos)
        return
    for shard in source.shards:
        if source.is_copied(shard):
            yield Section(number, _version(shard, *source.told_of(shard)), shard=shard)
        else:
            yield from _cut(source.of(shard), number, photos)


def entries(source: Source, section: Section) -> Iterator[Entry]:
    """Yield what is listed in a section of a source."""
    if section.shard and isinstance(source, TarSource):
        return source.of(section.shard)
    return iter(section.entries)


def _cut(listed: Iterator[Entry], number: int, photos: int) -> Iterator[Section]:
    while piece := tuple(islice(listed, photos)):
        yield Section(number, _version(*piece), entries=piece)


def _version(*parts: object) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(repr(part).encode("utf-8", "surrogatepass"))
        digest.update(b"\n")
    return digest.hexdigest()[:32]
