"""The composition root: settings and sources in, a report out."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, ExitStack
from typing import TextIO

import structlog
from prometheus_client import CollectorRegistry
from rich.console import Console

from sketchzoo.encoder_client import EncoderClient
from sketchzoo.gallery_roots import RootsFile
from sketchzoo.qdrant import PhotoWriter, connect
from sketchzoo.rpc import BETWEEN_PARTS, ChannelSettings, run_main
from sketchzoo.rpc.tls import ClientTls
from sketchzoo.running import described
from sketchzoo.storage import SCHEMES, Storage, scheme_of
from sketchzoo.telemetry import MetricsPage, configure_logs, request_context, tracing
from sketchzoo_ingest.feed import ToldOf
from sketchzoo_ingest.job import Job, JobOptions
from sketchzoo_ingest.metrics import IngestMetrics
from sketchzoo_ingest.progress import Bar, Display, Lines, counting, progress
from sketchzoo_ingest.ray.environment import is_own, prepare
from sketchzoo_ingest.ray.own import OwnCluster
from sketchzoo_ingest.report import Report
from sketchzoo_ingest.retry import RetryPolicy
from sketchzoo_ingest.settings import IngestSettings
from sketchzoo_ingest.sources import FolderSource, Source, local_folders, open_source
from sketchzoo_ingest.stopping import stopped_by_signals
from sketchzoo_ingest.tally import RefusalsFile, Tally
from sketchzoo_ingest.usage import UsageError, usage
from sketchzoo_ingest.watch import Watch

PART = "ingest"
log = structlog.get_logger()


def run(settings: IngestSettings, names: Sequence[str], errors: TextIO | None = None) -> Report:
    """Ingest what `names` name; write what was left out to `errors` as CSV.

    Raises:
        UsageError: a source or a setting cannot be used; nothing was done.

    """
    configure_logs(PART, level=settings.log_level, form=settings.log_format)
    with _storage(settings, names) as storage:
        with usage():
            roots, prefixes = settings.manifest_root, settings.uri_prefixes()
            sources = [
                open_source(name, storage, prefixes, roots, settings.class_from) for name in names
            ]
            if settings.gallery_roots_file and not settings.dry_run:
                folders = [folder for name in (*names, *roots) for folder in local_folders(name)]
                RootsFile(settings.gallery_roots_file).add(folders)
        with ExitStack() as open_parts:
            with usage():
                open_parts.enter_context(tracing(PART, settings.otlp_endpoint, begins=True))
            if settings.engine == "ray":
                named = tuple(zip(names, sources, strict=True))
                return _on_cluster(settings, named, errors)
            return run_main(ingest(settings, sources, errors, _display()))


def _on_cluster(
    settings: IngestSettings,
    named: Sequence[tuple[str, Source]],
    errors: TextIO | None,
) -> Report:
    prepare(own=is_own(settings))
    with ExitStack() as opened:
        own = None
        if is_own(settings):
            with usage():
                own = opened.enter_context(OwnCluster(settings.ray_object_store_bytes))
        try:
            # Here, since it brings Ray along, and takes as long as the cluster's start.
            from sketchzoo_ingest.ray import bootstrap as on_cluster  # noqa: PLC0415
        except ModuleNotFoundError as error:
            install = "pip install 'sketchzoo[ray]'"
            raise UsageError(f"engine ray needs Ray ({error}): {install}") from error
        return on_cluster.run(settings, named, errors, _display(), own)


async def ingest(
    settings: IngestSettings,
    sources: Sequence[Source],
    errors: TextIO | None,
    display: Display,
) -> Report:
    """Wire the parts, run the job, close the parts.

    Raises:
        UsageError: a setting cannot be used, a port is taken or a file is missing.

    """
    stop = asyncio.Event()
    registry = CollectorRegistry()
    metrics = IngestMetrics(registry)
    refusals = RefusalsFile(errors) if errors is not None else None
    retry = RetryPolicy(settings.retry_seconds, stop, metrics.retried)
    with usage():
        folders = _watched(settings, sources)
        connection = connect(settings, registry)
        encoder = EncoderClient(
            ChannelSettings(
                settings.encoder_target,
                ClientTls.of(settings, "encoder_"),
                token=settings.encoder_token,
                max_message_bytes=settings.encoder_max_message_bytes,
                keepalive=BETWEEN_PARTS,
            )
        )
        page = MetricsPage(registry, settings.metrics_host, settings.metrics_port)
    writer = PhotoWriter(connection, settings.gallery, settings.collection_options())

    def make_job(
        sources: Sequence[Source],
        tell: ToldOf | None = None,
        stands: Callable[[str], bool] = lambda uri: False,  # noqa: ARG005 - default
        *,
        prune: bool = settings.prune or settings.prune_empty,
        publish: bool = True,
        published: str = "",
        tally: Tally | None = None,
    ) -> Job:
        return Job(
            sources=sources,
            encoder=encoder,
            writer=writer,
            retry=retry,
            tally=tally or Tally(metrics, refusals),
            metrics=metrics,
            limits=settings.pipeline_limits(),
            options=_options(
                settings,
                prune=prune,
                publish=publish and settings.publish,
                published=published,
            ),
            stop=stop,
            tell=tell,
            stands=stands,
        )

    try:
        # One request id for the whole run, from here to the encoder's and Qdrant's logs.
        async with AsyncExitStack() as open_parts:
            with usage():
                open_parts.enter_context(page)
            open_parts.enter_context(request_context(None))
            open_parts.enter_context(stopped_by_signals(stop))
            log.info(
                "ingesting",
                sources=[source.name for source in sources],
                encoder=described(settings.encoder_target),
                qdrant=described(settings.qdrant_url),
                metrics_port=page.port,
            )
            if settings.watch:
                watch = Watch(
                    sources=folders,
                    make_job=make_job,
                    writer=writer,
                    retry=retry,
                    metrics=metrics,
                    stop=stop,
                    rescan_seconds=settings.rescan_seconds,
                    poll=settings.watch_poll,
                    prune_empty=settings.prune_empty,
                )
                return await watch.run()
            tally = Tally(metrics, refusals)
            total = await open_parts.enter_async_context(counting(sources))
            await open_parts.enter_async_context(progress(display, tally, total))
            return await make_job(sources, tally=tally).run()
    finally:
        await encoder.close()
        await connection.close()


def _watched(settings: IngestSettings, sources: Sequence[Source]) -> list[FolderSource]:
    """Return the sources to watch; ValueError for what cannot be."""
    if not settings.watch:
        return []
    if settings.dry_run:
        raise ValueError("--watch and --dry-run exclude each other: a dry run has one end")
    folders = [source for source in sources if isinstance(source, FolderSource)]
    for source in sources:
        if source not in folders:
            raise ValueError(
                f"--watch follows folders of this machine, and {source.name} is none: ingest it "
                "without --watch, and again when it changes"
            )
    return folders


def _storage(settings: IngestSettings, names: Sequence[str]) -> Storage:
    # Beside the schemes that are always read, those that the operator names.
    named = {scheme_of(name) for name in (*names, *settings.manifest_root)} - {""}
    return Storage(SCHEMES | named, settings.fetch_limits(), settings.copy_limits())


def _display() -> Display:
    if sys.stderr.isatty():
        return Bar(Console(stderr=True))
    return Lines()


def _options(settings: IngestSettings, *, prune: bool, publish: bool, published: str) -> JobOptions:
    return JobOptions(
        settings.gallery,
        encode_timeout_seconds=settings.encode_timeout_seconds,
        max_bad=settings.max_bad,
        prune=prune,
        prune_empty=settings.prune_empty and prune,
        dry_run=settings.dry_run,
        verify=settings.verify,
        locations=not settings.no_location,
        publish=publish,
        published=published,
    )
