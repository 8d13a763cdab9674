"""Settling: what is to be done about each photo, in the order of the feed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sketchzoo.qdrant import Photo
from sketchzoo.rpc import CallError
from sketchzoo_ingest.bursts import Bursts
from sketchzoo_ingest.collection import Collection
from sketchzoo_ingest.feed import Listed
from sketchzoo_ingest.intake import Item, Unchanged
from sketchzoo_ingest.outcome import Outcome, Reason
from sketchzoo_ingest.reading import Reading, ReadPhoto
from sketchzoo_ingest.tally import Tally


@dataclass(frozen=True, slots=True)
class Wanted:
    """A photo as it is to be: a new one with a `picture` to embed, or with the embedding it has.

    `replaces` had its uri, with other content, until now.
    """

    listed: Listed
    photo: Photo
    is_new: bool = field(kw_only=True)
    picture: bytes | None = field(default=None, repr=False)
    replaces: Photo | None = None


class Settler:
    """Decides about photos; who asks must embed and write what it yields, and tell `done`.

    Of a finite feed the photo listed first stands, in every run: others with the same
    content are duplicates, and so are those of a photo at a uri that `stands`. An endless one
    has no first: what is fed last stands. There a photo waits while another with its content
    is under way.
    """

    def __init__(
        self,
        collection: Collection,
        reading: Reading,
        tally: Tally,
        *,
        endless: bool,
        stands: Callable[[str], bool],
    ) -> None:
        self._collection = collection
        self._reading = reading
        self._tally = tally
        self._endless = endless
        self._stands = stands
        self._bursts = Bursts(collection)
        # The class under which each content was listed first, by its SHA-256.
        self._seen: dict[bytes, str] = {}
        self._under_way: dict[str, asyncio.Event] = {}
        self._replaced: set[str] = set()

    def has_seen(self, sha256: str) -> bool:
        """Tell whether a photo with this content was listed in this run."""
        return bytes.fromhex(sha256) in self._seen

    async def settle(self, items: Sequence[Item]) -> AsyncIterator[Wanted]:
        """Settle what can be settled at once; yield what is to be written.

        Raises:
            CallError: Qdrant stayed away. Of an endless feed the photos in question are told.

        """
        for part in _without_repeats(items) if self._endless else [items]:
            wanted: list[Wanted] = []
            try:
                known = await self._known(part)
                wanted = [each for item in part if (each := self._decide(item, known)) is not None]
                wanted = await self._in_bursts(wanted)
            except CallError as error:
                if not self._endless:
                    raise
                for each in wanted:
                    self.done(each)
                for listed in [each.listed for each in wanted] or [each.listed for each in part]:
                    listed.tell(error)
                continue
            for each in wanted:
                if self._endless:
                    self._under_way[each.photo.id] = asyncio.Event()
                yield each

    def done(self, wanted: Wanted) -> None:
        """Let go of a photo that was written, refused or given up."""
        self._bursts.done(wanted.photo.id)
        event = self._under_way.pop(wanted.photo.id, None)
        if event is not None:
            event.set()
        if self._endless and wanted.replaces is not None:
            self._replaced.discard(wanted.replaces.id)

    async def _known(self, items: Sequence[Item]) -> Mapping[str, Photo]:
        ids = [item.found.photo.id for item in items if isinstance(item.found, ReadPhoto)]
        for key in ids:
            while (event := self._under_way.get(key)) is not None:
                await event.wait()
        return await self._collection.known(list(dict.fromkeys(ids))) if ids else {}

    def _decide(self, item: Item, known: Mapping[str, Photo]) -> Wanted | None:
        found, listed = item.found, item.listed
        if not isinstance(found, ReadPhoto | Unchanged):
            self._tally.note(found, listed)
            return None
        candidate = found.candidate
        self._tally.survey.read(candidate.uri)
        if isinstance(found, Unchanged):
            self._tally.unread += 1
            before: Photo | None = found.known
            photo = replace(found.known, **self._reading.known(candidate, found.known))
        else:
            before = known.get(found.photo.id)
            photo = found.photo
        if self._is_duplicate(listed, photo):
            return None
        if isinstance(found, ReadPhoto):
            if before is None or before.id in self._replaced:
                replaces = self._replaces(item, photo)
                return Wanted(listed, photo, is_new=True, picture=found.picture, replaces=replaces)
            if before.uri != photo.uri and self._stands(before.uri):
                self._duplicate(listed, photo, before.class_name)
                return None
            # What only the collection knows.
            photo = replace(
                photo, ingested_at=before.ingested_at, burst=before.burst, seen=before.seen
            )
        if photo != before or (photo.phash and not photo.burst):
            return Wanted(listed, photo, is_new=False, replaces=self._replaces(item, photo))
        self._tally.keep(listed, Outcome.UNCHANGED, photo)
        return None

    async def _in_bursts(self, wanted: Sequence[Wanted]) -> list[Wanted]:
        without = [each.photo for each in wanted if not each.photo.burst and each.photo.phash]
        bursts = dict(zip((p.id for p in without), await self._bursts.assign(without), strict=True))
        return [
            replace(each, photo=replace(each.photo, burst=bursts[each.photo.id]))
            if each.photo.id in bursts
            else each
            for each in wanted
        ]

    def _is_duplicate(self, listed: Listed, photo: Photo) -> bool:
        if self._endless:
            return False
        key = bytes.fromhex(photo.sha256)
        first = self._seen.get(key)
        if first is None:
            self._seen[key] = photo.class_name
            return False
        self._duplicate(listed, photo, first)
        return True

    def _duplicate(self, listed: Listed, photo: Photo, first: str) -> None:
        reason = Reason.DUPLICATE
        if first != photo.class_name:
            reason = Reason.DUPLICATE_IN_OTHER_CLASS
        named = f", as {first}" if first else ""
        message = f"the same photo was listed before{named}: that one stands"
        self._tally.refuse(listed.candidate.refusal(reason, message), listed, photo.id)

    def _replaces(self, item: Item, photo: Photo) -> Photo | None:
        """Return the photo that had this one's uri, unless its content lies elsewhere, too."""
        before = item.before
        if before is None or before.id == photo.id or before.id in self._under_way:
            return None
        if bytes.fromhex(before.sha256) in self._seen:
            return None
        self._replaced.add(before.id)
        return before


def _without_repeats(items: Sequence[Item]) -> Iterator[list[Item]]:
    """Cut items so that no part has the same content twice: the second finds the first."""
    part: list[Item] = []
    ids: set[str] = set()
    for item in items:
        if isinstance(item.found, ReadPhoto):
            if item.found.photo.id in ids:
                yield part
                part, ids = [], set()
            ids.add(item.found.photo.id)
        part.append(item)
    if part:
        yield part
