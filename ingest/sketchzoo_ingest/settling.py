"""Settling: what is to be done about each photo, in the order of the feed."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace

from sketchzoo.qdrant import Photo, photo_id
from sketchzoo.rpc import CallError
from sketchzoo_ingest.collection import Collection
from sketchzoo_ingest.feed import Listed
from sketchzoo_ingest.intake import Item, Unchanged
from sketchzoo_ingest.outcome import Outcome, Reason, Settled
from sketchzoo_ingest.reading import ReadPhoto
from sketchzoo_ingest.sources import Candidate
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
    content are duplicates. An endless one has no first: what is fed last stands. There a
    photo waits while another with its content is under way.
    """

    def __init__(self, collection: Collection, tally: Tally, *, endless: bool) -> None:
        self._collection = collection
        self._tally = tally
        self._endless = endless
        # The class under which each content was listed first, by its SHA-256.
        self._seen: dict[bytes, str] = {}
        self._under_way: dict[str, asyncio.Event] = {}
        self._replaced: set[str] = set()

    def has_seen(self, sha256: str) -> bool:
        """Tell whether a photo with this content was listed in this run."""
        return bytes.fromhex(sha256) in self._seen

    async def settle(self, items: Sequence[Item]) -> AsyncIterator[Wanted]:
        """Settle what can be settled at once; yield what is to be written."""
        read = [item.found.id for item in items if isinstance(item.found, ReadPhoto)]
        await self._others(read)
        try:
            known = dict(await self._collection.known(list(dict.fromkeys(read)))) if read else {}
        except CallError as error:
            if not self._endless:
                raise
            for item in items:
                item.listed.tell(error)
            return
        begun: set[str] = set()
        for item in items:
            if isinstance(item.found, ReadPhoto) and item.found.id in begun:
                # It came twice at once: the second finds what became of the first.
                async for wanted in self.settle([item]):
                    yield wanted
            elif (decided := self._decide(item, known)) is not None:
                if self._endless:
                    self._under_way[decided.photo.id] = asyncio.Event()
                    begun.add(decided.photo.id)
                yield decided

    def done(self, wanted: Wanted) -> None:
        """Let go of a photo that was written, refused or given up."""
        event = self._under_way.pop(wanted.photo.id, None)
        if event is not None:
            event.set()
            self._replaced.discard(wanted.photo.id)

    async def _others(self, ids: Sequence[str]) -> None:
        for key in ids:
            while (event := self._under_way.get(key)) is not None:
                await event.wait()

    def _decide(self, item: Item, known: dict[str, Photo]) -> Wanted | None:
        found, listed = item.found, item.listed
        if not isinstance(found, ReadPhoto | Unchanged):
            self._tally.note(found, listed)
            return None
        candidate = found.candidate
        self._tally.survey.read(candidate.uri)
        before = found.known if isinstance(found, Unchanged) else known.get(found.id)
        sha256 = found.known.sha256 if isinstance(found, Unchanged) else found.sha256
        if self._is_duplicate(listed, candidate, sha256):
            return None
        if isinstance(found, ReadPhoto) and (before is None or before.id in self._replaced):
            replaces = self._replaces(item, found)
            return Wanted(
                listed, _kept(found), is_new=True, picture=found.picture, replaces=replaces
            )
        assert before is not None  # noqa: S101 - what is unchanged is known
        wanted = _as_listed(found, before)
        if wanted != before:
            return Wanted(listed, wanted, is_new=False)
        self._tally.settle(listed, Settled(Outcome.UNCHANGED, before.id))
        return None

    def _is_duplicate(self, listed: Listed, candidate: Candidate, sha256: str) -> bool:
        if self._endless:
            return False
        key = bytes.fromhex(sha256)
        first = self._seen.get(key)
        if first is None:
            self._seen[key] = candidate.class_name
            return False
        reason = Reason.DUPLICATE
        if first != candidate.class_name:
            reason = Reason.DUPLICATE_IN_OTHER_CLASS
        message = f"the same photo was listed before{f', as {first}' if first else ''}: that stands"
        self._tally.refuse(candidate.refusal(reason, message), listed, photo_id(sha256))
        return True

    def _replaces(self, item: Item, photo: ReadPhoto) -> Photo | None:
        """Return the photo that had this one's uri, unless its content lies elsewhere, too."""
        before = item.before
        if before is None or before.id == photo.id or before.id in self._under_way:
            return None
        if bytes.fromhex(before.sha256) in self._seen:
            return None
        self._replaced.add(before.id)
        return before


def _kept(photo: ReadPhoto) -> Photo:
    candidate = photo.candidate
    return Photo(
        class_name=candidate.class_name,
        uri=candidate.uri,
        sha256=photo.sha256,
        width=photo.width,
        height=photo.height,
        folder=candidate.folder,
        file_name=candidate.file_name,
        bytes=photo.size,
        modified_at=candidate.modified_at,
        payload=dict(candidate.payload),
    )


def _as_listed(found: ReadPhoto | Unchanged, before: Photo) -> Photo:
    """Return a known photo as it is to be: what its source says, what no file says stays."""
    if isinstance(found, ReadPhoto):
        return replace(
            _kept(found), ingested_at=before.ingested_at, burst=before.burst, seen=before.seen
        )
    candidate = found.candidate
    return replace(
        before,
        class_name=candidate.class_name,
        folder=candidate.folder,
        file_name=candidate.file_name,
        payload=dict(candidate.payload),
    )
