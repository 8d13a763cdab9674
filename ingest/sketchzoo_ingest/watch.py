"""The watch: after a run over whole folders, what changes in them is followed."""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol
from urllib.parse import unquote_to_bytes

import structlog

from sketchzoo.qdrant import Photo, PhotoWriter
from sketchzoo.rpc import CallError
from sketchzoo_ingest.changes import Changes, watched
from sketchzoo_ingest.collection import PART
from sketchzoo_ingest.feed import ToldOf
from sketchzoo_ingest.job import Job
from sketchzoo_ingest.metrics import IngestMetrics
from sketchzoo_ingest.outcome import Outcome, Reason, Settled
from sketchzoo_ingest.part import (
    Part,
    branches_of,
    is_there,
    may_be_photo,
    survey_of,
    within,
)
from sketchzoo_ingest.prune import spared_by
from sketchzoo_ingest.report import ExitStatus, Report
from sketchzoo_ingest.retry import RetryPolicy
from sketchzoo_ingest.sources import Candidate, Entry, FolderSource, Source

log = structlog.get_logger()

_TICK_SECONDS = 0.5
_AGAIN_SECONDS = 10.0
# A file that is being written may look as if it stood still: it is read again after these.
_AGAIN_IF_DAMAGED = (5.0, 30.0, 120.0)
# Who was at rest for so long is not being written.
_FRESH = timedelta(minutes=10)
_DAMAGED = (Reason.TRUNCATED, Reason.EMPTY, Reason.NOT_AN_IMAGE, Reason.UNREADABLE)
_MOST_NOTED = 100_000


class MakeJob(Protocol):
    """Makes a run over sources."""

    def __call__(
        self,
        sources: Sequence[Source],
        tell: ToldOf,
        stands: Callable[[str], bool],
        *,
        prune: bool,
        publish: bool,
        published: str = "",
    ) -> Job:
        """Return a run that tells `tell` what became of each photo; `JobOptions` has the rest."""


class Watch:
    """Follows folders: what is new or changed is ingested, what is gone is deleted.

    It begins to listen before the first run, so that nothing is missed between. Deleting goes
    by the rules of pruning: a folder that is gone, or empty at once, is more likely a disk that
    is away. Every `rescan_seconds`, when more changed than is worth following, and after a
    part was away, all is listed again.
    """

    def __init__(
        self,
        *,
        sources: Sequence[FolderSource],
        make_job: MakeJob,
        writer: PhotoWriter,
        retry: RetryPolicy,
        metrics: IngestMetrics,
        stop: asyncio.Event,
        rescan_seconds: float = 3600.0,
        poll: bool = False,
        prune_empty: bool = False,
    ) -> None:
        self._sources = sources
        self._make_job = make_job
        self._writer = writer
        self._retry = retry
        self._metrics = metrics
        self._stop = stop
        self._rescan_seconds = rescan_seconds
        self._poll = poll
        self._prune_empty = prune_empty
        self._changes = Changes(self._matters)
        self._listed_at = 0.0
        self._collection = ""
        self._published = False
        # What a run published last, whatever became of the runs after it.
        self._shown = ""
        # Files with the content of a photo that lies elsewhere, by its id.
        self._copies: dict[str, set[str]] = {}
        self._damaged: dict[str, int] = {}
        metrics.watch("changes_waiting", "paths", lambda: self._changes.waiting)

    async def run(self) -> Report:
        """Run over all, then follow changes until `stop`; return the first run's report."""
        folders = [source.top for source in self._sources]
        async with watched(folders, self._changes, poll=self._poll):
            report = await self._list()
            if report.status not in (ExitStatus.DONE, ExitStatus.TOO_MANY_REFUSED):
                return report
            log.info("watching", folders=[source.name for source in self._sources])
            while not self._stop.is_set():
                try:
                    await self._step()
                except CallError as error:
                    log.warning("a part stays away", error=str(error), again_seconds=_AGAIN_SECONDS)
                    self._changes.all_have()
                    await self._pause(_AGAIN_SECONDS)
        return report

    async def _step(self) -> None:
        if self._changes.all_changed or self._due:
            report = await self._list()
            if report.status is ExitStatus.PART_AWAY:
                self._changes.all_have()
                await self._pause(_AGAIN_SECONDS)
            return
        paths = self._changes.ready()
        if paths and not self._published:
            # As long as nothing could be published, a run over all may.
            self._changes.all_have()
        elif paths:
            await self._follow(paths)
        else:
            await self._pause(_TICK_SECONDS)

    @property
    def _due(self) -> bool:
        return time.monotonic() - self._listed_at >= self._rescan_seconds

    async def _list(self) -> Report:
        """Run over all sources, and prune."""
        self._changes.all_changed = False
        self._listed_at = time.monotonic()
        self._metrics.listings.inc()
        self._copies.clear()
        # What lies at another uri still is met by the same run: none stands.
        job = self._make_job(
            self._sources,
            self._told,
            _none,
            prune=True,
            publish=True,
            published=self._shown,
        )
        report = await job.run()
        self._note(report)
        self._collection = report.collection or self._collection
        self._published = report.status is ExitStatus.DONE
        if self._published:
            self._shown = report.collection
        return report

    def _matters(self, path: str) -> bool:
        return any(may_be_photo(source, path) for source in self._sources)

    async def _follow(self, paths: Sequence[str]) -> None:
        there = [path for path in paths if is_there(path)]
        # What is listed now speaks for itself: files may have changed places.
        listed = {source.uri(path) for source in self._sources for path in within(source, there)}
        for source in self._sources:
            mine = frozenset(within(source, there))
            if mine:
                job = self._make_job(
                    [Part(source, mine)],
                    self._told,
                    lambda uri: uri not in listed and self._stands(uri),
                    prune=False,
                    # Of another model's collection these photos would be all.
                    publish=False,
                )
                report = await job.run()
                self._note(report)
                if report.status is ExitStatus.PART_AWAY or report.collection != self._collection:
                    # Another model may be served by now: its collection wants all photos.
                    self._changes.all_have()
                    return
            gone = within(source, [path for path in paths if path not in there])
            if gone:
                await self._remove(source, gone)

    async def _remove(self, source: FolderSource, paths: Sequence[str]) -> None:
        """Delete the photos of files and folders that are gone, where their places are there."""
        photos = await self._photos(source, paths)
        if not photos or source.root is None:
            return
        loop = asyncio.get_running_loop()
        # Whether anything is left is told by all of it.
        branches = {str(source.top)} if self._prune_empty else branches_of(source, paths)
        survey = await loop.run_in_executor(None, survey_of, source, branches)
        for photo in photos:
            if self._stands(photo.uri):
                log.info("spared", uri=photo.uri, reason="it is there again")
                continue
            spared = spared_by(survey, photo.uri, source.root, emptied=self._prune_empty)
            if spared is not None:
                log.info("spared", uri=photo.uri, reason=spared.why)
                continue
            deleting = partial(self._writer.delete_at, self._collection, [photo])
            await self._retry.call(PART, deleting)
            self._metrics.removed.inc()
            log.info("gone", uri=photo.uri, photo_id=photo.id)
            self._look_at_copies(photo.id)

    def _look_at_copies(self, photo_id: str) -> None:
        """Let a copy of a photo that was deleted take its place."""
        for copy in self._copies.pop(photo_id, ()):
            self._changes.add(copy)

    async def _photos(self, source: FolderSource, paths: Sequence[str]) -> list[Photo]:
        uris = {source.uri(path): path for path in paths}
        asking = partial(self._writer.by_uri, self._collection, list(uris))
        found = list((await self._retry.call(PART, asking)).values())
        known = {photo.uri for photo in found}
        for uri, path in uris.items():
            if uri in known:
                continue
            # What is gone may have been a folder.
            folder = source.folder(path)
            if folder:
                below = self._writer.below(self._collection, folder)
                found += [each async for each in below if each.uri.startswith(uri + "/")]
        return found

    def _stands(self, uri: str) -> bool:
        """Tell whether a file is still there."""
        return any(
            source.root is not None
            and uri.startswith(source.root)
            and is_there(_path(source, uri.removeprefix(source.root)), follow=True)
            for source in self._sources
        )

    def _told(self, entry: Entry, settled: Settled | CallError) -> None:
        if not isinstance(entry, Candidate) or not isinstance(settled, Settled):
            return
        path = os.path.abspath(entry.location)  # noqa: PTH100 - links stay as they are
        refusal = settled.refusal
        if settled.replaced:
            self._look_at_copies(settled.replaced)
        if settled.outcome is Outcome.DUPLICATE and len(self._copies) < _MOST_NOTED:
            self._copies.setdefault(settled.photo_id, set()).add(path)
        elif refusal is not None and refusal.reason in _DAMAGED:
            if entry.modified_at is None or datetime.now(UTC) - entry.modified_at > _FRESH:
                return
            times = self._damaged.get(path, 0)
            if times < len(_AGAIN_IF_DAMAGED) and len(self._damaged) < _MOST_NOTED:
                self._damaged[path] = times + 1
                self._changes.add(path, _AGAIN_IF_DAMAGED[times])
        else:
            self._damaged.pop(path, None)

    def _note(self, report: Report) -> None:
        outcomes = {str(outcome): photos for outcome, photos in report.outcomes.items() if photos}
        log.info(
            "brought",
            **outcomes,
            pruned=report.pruned,
            seconds=round(report.seconds, 3),
            problem=report.problem,
        )

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stop.wait(), seconds)
        except TimeoutError:
            return


def _path(source: FolderSource, rest: str) -> str:
    """Return the path of a uri by what it has behind the source's root."""
    return os.path.join(source.top, os.fsdecode(unquote_to_bytes(rest)))  # noqa: PTH118 - of bytes, too


def _none(_: str) -> bool:
    return False
