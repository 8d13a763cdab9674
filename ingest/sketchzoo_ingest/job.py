"""The job: one run from the sources to the published collection."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from sketchzoo.encoder_client import PART as ENCODER
from sketchzoo.encoder_client import EncoderModel
from sketchzoo.qdrant import PhotoWriter
from sketchzoo.rpc import CallError
from sketchzoo_ingest.collection import PART as QDRANT
from sketchzoo_ingest.collection import Collection, QdrantCollection, ReadOnlyCollection
from sketchzoo_ingest.embedder import Embedder, Encoder, has_failed
from sketchzoo_ingest.feed import Listing, ToldOf, entries_of
from sketchzoo_ingest.limits import PipelineLimits
from sketchzoo_ingest.metrics import IngestMetrics
from sketchzoo_ingest.pipeline import Pipeline
from sketchzoo_ingest.prune import Pruned, prune, skipped
from sketchzoo_ingest.publication import publish, withheld
from sketchzoo_ingest.reading import Reading
from sketchzoo_ingest.report import ExitStatus, Report
from sketchzoo_ingest.retry import RetryPolicy
from sketchzoo_ingest.sources import Source
from sketchzoo_ingest.tally import Tally


@dataclass(frozen=True, slots=True)
class JobOptions:
    """What a run is to do beside writing photos.

    `published` is the collection that an earlier run of the same watch let searches see: where
    they see another one since, somebody wanted it so, and it stays.
    """

    alias: str
    encode_timeout_seconds: float = 60.0
    max_bad: float = 0.5
    prune: bool = False
    prune_empty: bool = False
    dry_run: bool = False
    verify: bool = False
    locations: bool = True
    publish: bool = True
    published: str = ""


class Job:
    """Ingests sources, once.

    Photos go into the collection of the encoder's model. The alias is moved to it at
    the end, and only when the run came to its end: search never sees half a gallery.
    When `stop` is set, what is under way is finished and nothing more is begun.
    """

    def __init__(
        self,
        *,
        sources: Sequence[Source],
        encoder: Encoder,
        writer: PhotoWriter,
        retry: RetryPolicy,
        tally: Tally,
        metrics: IngestMetrics,
        limits: PipelineLimits,
        options: JobOptions,
        stop: asyncio.Event,
        tell: ToldOf | None = None,
        stands: Callable[[str], bool] = lambda uri: False,  # noqa: ARG005 - default
    ) -> None:
        """Tell each photo's outcome to `tell`; what lies at a uri that `stands` stays there."""
        self._sources = sources
        self._encoder = encoder
        self._writer = writer
        self._retry = retry
        self._tally = tally
        self._metrics = metrics
        self._limits = limits
        self._options = options
        self._stop = stop
        self._tell = tell
        self._stands = stands
        self._model: EncoderModel | None = None
        self._collection = ""
        self._replaced: str | None = None
        self._pruned = Pruned()
        self._prune_skipped: dict[str, str] = {}

    async def run(self) -> Report:
        """Run to the end, the first lasting failure or `stop`; the report says which."""
        start = time.perf_counter()
        try:
            status, problem = await self._run()
        except CallError as error:
            status, problem = ExitStatus.PART_AWAY, str(error)
            if self._stop.is_set():
                status = ExitStatus.INTERRUPTED
        return Report(
            status=status,
            sources=[source.name for source in self._sources],
            class_from={source.name: source.classes for source in self._sources},
            model=self._model.name if self._model else "",
            fingerprint=self._model.fingerprint if self._model else "",
            collection=self._collection,
            alias=self._options.alias,
            replaced=self._replaced or "",
            published=self._replaced is not None,
            dry_run=self._options.dry_run,
            outcomes=dict(self._tally.outcomes),
            reasons=dict(self._tally.reasons),
            examples=dict(self._tally.examples),
            passed_over=dict(self._tally.passed_over),
            pruned=self._pruned.photos,
            spared=self._pruned.spared,
            prune_skipped=self._prune_skipped,
            unread=self._tally.unread,
            near_duplicates=self._tally.near_duplicates,
            seen=dict(self._tally.seen.most_common()),
            bytes_read=self._tally.bytes_read,
            seconds=time.perf_counter() - start,
            stage_seconds=dict(self._metrics.stage_seconds),
            problem=problem,
        )

    async def _run(self) -> tuple[ExitStatus, str]:
        seconds = self._options.encode_timeout_seconds
        asking = partial(self._encoder.model, seconds)
        model = self._model = await self._retry.call(ENCODER, asking, has_failed)
        collection = await self._open(model)
        dry_run = self._options.dry_run
        pipeline = Pipeline(
            embedder=None if dry_run else Embedder(self._encoder, model, self._retry, seconds),
            collection=collection,
            reading=Reading(
                self._limits.images,
                model.photo_preprocessing,
                max_sent_bytes=self._limits.max_sent_bytes,
                max_held_bytes=self._limits.buffer_bytes,
                locations=self._options.locations,
            ),
            tally=self._tally,
            metrics=self._metrics,
            limits=self._limits.for_processes(model.processes),
            stop=self._stop,
            verify=self._options.verify,
            stands=self._stands,
        )
        with Listing(entries_of(self._sources, self._tell), self._metrics) as listing:
            await pipeline.run(listing)
        if self._stop.is_set():
            return ExitStatus.INTERRUPTED, "stopped before the end: run it again to go on"
        problem = withheld(self._tally.outcomes, self._options.max_bad)
        if self._options.prune or self._options.prune_empty:
            await self._prune(pipeline, collection, problem)
        if problem:
            return ExitStatus.TOO_MANY_REFUSED, problem
        if not dry_run and self._options.publish:
            self._replaced = await publish(
                self._writer,
                self._options.alias,
                self._collection,
                self._retry,
                published=self._options.published,
            )
        return ExitStatus.DONE, ""

    async def _open(self, model: EncoderModel) -> Collection:
        if self._options.dry_run:
            self._collection = self._writer.name(model.fingerprint)
            inner = QdrantCollection(self._writer, self._collection, self._retry)
            return ReadOnlyCollection(inner)
        opening = partial(self._writer.open, model.fingerprint, model.dimension)
        self._collection = await self._retry.call(QDRANT, opening)
        return QdrantCollection(self._writer, self._collection, self._retry)

    async def _prune(self, pipeline: Pipeline, collection: Collection, withheld: str) -> None:
        survey = self._tally.survey
        self._prune_skipped = skipped(self._sources, survey)
        roots = [source.root for source in self._sources if source.root is not None]
        if roots and not collection.is_missing:
            self._pruned = await prune(
                self._writer,
                self._collection,
                roots=roots,
                has_seen=pipeline.has_seen,
                survey=survey,
                emptied=self._options.prune_empty,
                withheld=withheld,
                retry=self._retry,
                dry_run=self._options.dry_run,
            )
