"""The composition root: settings in, a serving search service out."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import fields
from functools import partial

import structlog
from prometheus_client import CollectorRegistry

from search_service.admissions import Admissions
from search_service.contents import Contents
from search_service.downloads import DownloadLimits, Downloads
from search_service.embedding import Embedder
from search_service.encoders import Encoders
from search_service.files import GalleryFiles
from search_service.galleries import Galleries, Listing
from search_service.load_shedding import LoadShedding
from search_service.metrics import SearchMetrics
from search_service.originals import Originals
from search_service.readiness import CheckTimes, Readiness
from search_service.renditions import RenditionLimits, Renditions
from search_service.searching import Searcher, SearchLimits
from search_service.servicer import (
    SERVICE,
    DefaultDeadlines,
    SearchServicer,
    add_to_server,
)
from search_service.settings import SearchSettings
from search_service.thumbnails import ThumbnailFolder
from sketchzoo.counts import Counts
from sketchzoo.encoder_client import EncoderClient
from sketchzoo.fetch import FetchLimits
from sketchzoo.gallery_roots import RootsFile
from sketchzoo.group import ALONE, Member
from sketchzoo.group.processes import Told, default_size, run_group
from sketchzoo.images import share_memory
from sketchzoo.memory import give_back_large_blocks
from sketchzoo.qdrant import PhotoReader, SearchParams, connect, list_galleries
from sketchzoo.rpc import (
    BETWEEN_PARTS,
    ChannelSettings,
    RpcServer,
    Service,
    run_main,
    run_until_signal,
)
from sketchzoo.rpc.tls import ClientTls
from sketchzoo.telemetry import MetricsPage, build_info, configure_logs, tracing

PART = "search"
# What a GetPhoto answer holds besides the file.
_ENVELOPE_BYTES = 64 * 1024

log = structlog.get_logger()


def run(settings: SearchSettings) -> None:
    """Serve until SIGTERM or Ctrl-C, with as many processes as were asked for.

    Raises:
        OSError: a port is taken, a gallery root or a TLS file is missing.
        GroupError: its processes end again and again.

    """
    processes = settings.processes or default_size()
    if processes == 1:
        work(settings, ALONE, lambda **facts: log.info("serving", **facts))
        return
    configure_logs(PART, level=settings.log_level, form=settings.log_format)
    run_group(settings, processes, work)


def work(settings: SearchSettings, member: Member, told: Told) -> None:
    """Serve as one process until a signal; raises as `run` does."""
    configure_logs(PART, level=settings.log_level, form=settings.log_format)
    give_back_large_blocks()
    if member.ledger is not None:
        share_memory(member.ledger)
    with tracing(PART, settings.otlp_endpoint, begins=True):
        run_main(serve(settings, member, told))


async def serve(settings: SearchSettings, member: Member, told: Told) -> None:
    """Answer calls until a signal; health says SERVING while searches can be answered."""
    start = time.perf_counter()
    registry = CollectorRegistry()
    build_info(registry, PART)
    connection = connect(settings, registry)
    try:
        with MetricsPage(registry, settings.host, settings.metrics_port) as page:
            reader = PhotoReader(connection, settings.gallery)
            timeout = settings.check_timeout_seconds
            listing = partial(list_galleries, connection, timeout_seconds=timeout)
            reader_of = partial(PhotoReader, connection)
            async with serving(
                settings, reader, registry, listing, reader_of, member=member
            ) as server:
                serves = partial(
                    told,
                    port=server.port,
                    metrics_port=page.port,
                    encoder=" ".join(settings.encoders()),
                    qdrant=settings.qdrant_url,
                    seconds=round(time.perf_counter() - start, 3),
                )
                await run_until_signal(member, serves)
    finally:
        await connection.close()


@asynccontextmanager
async def serving(
    settings: SearchSettings,
    reader: PhotoReader,
    registry: CollectorRegistry,
    listing: Listing,
    reader_of: Callable[[str], PhotoReader],
    *,
    member: Member = ALONE,
) -> AsyncIterator[RpcServer]:
    """Serve searches in galleries while the context is open; `reader` is the service's own's.

    A group shares the caches and threads.
    """
    metrics = SearchMetrics(registry)
    encoders = Encoders(settings.encoders(), partial(_client, settings), metrics)
    times = CheckTimes(
        settings.check_seconds, settings.recheck_seconds, settings.check_timeout_seconds
    )
    readiness = Readiness(encoders, reader, metrics, times)
    galleries = Galleries(
        settings.gallery, readiness, encoders, listing=listing, reader_of=reader_of, times=times
    )
    listed = RootsFile(settings.gallery_roots_file) if settings.gallery_roots_file else None
    fetches = FetchLimits(
        seconds=settings.fetch_seconds,
        at_once=member.share(settings.fetch_threads),
        allow_private_addresses=settings.allow_private_addresses,
    )
    files = GalleryFiles(settings.gallery_roots, listed, settings.store_folder())
    originals = Originals(files, settings.uris(), fetches, settings.download_folder)
    limits = RenditionLimits(
        original_bytes=settings.max_message_bytes - _ENVELOPE_BYTES,
        room_bytes=member.share(settings.photo_bytes),
        cache_bytes=member.share(settings.thumbnail_cache_bytes),
        threads=member.share(settings.thumbnail_threads),
        fetch_threads=member.share(settings.fetch_threads),
    )
    folder = None
    if settings.thumbnail_folder is not None:
        folder = ThumbnailFolder(settings.thumbnail_folder, settings.thumbnail_folder_bytes)
    renditions = Renditions(originals, settings.image_limits(), limits, metrics, folder)
    downloads = Downloads(
        originals,
        DownloadLimits(
            max_bytes=settings.image_limits().max_bytes,
            copy_bytes=member.share(settings.download_folder_bytes),
            threads=settings.max_concurrent_downloads,
        ),
    )
    servicer = build(
        settings,
        reader=reader,
        galleries=galleries,
        renditions=renditions,
        downloads=downloads,
        metrics=metrics,
        member=member,
    )
    try:
        with originals, renditions, downloads:
            service = Service(SERVICE, servicer, add_to_server, checks=servicer.checks())
            async with RpcServer(settings, [service], registry, member) as server:
                readiness.on_change = server.set_serving
                watching = asyncio.create_task(readiness.watch())
                try:
                    yield server
                finally:
                    # Health says NOT_SERVING from here on, whatever the watcher would say.
                    watching.cancel()
                    await asyncio.wait([watching])
    finally:
        await encoders.close()


def _client(settings: SearchSettings, target: str) -> EncoderClient:
    return EncoderClient(
        ChannelSettings(
            target,
            tls=ClientTls.of(settings, "encoder_"),
            token=settings.encoder_token,
            max_message_bytes=settings.max_message_bytes,
            keepalive=BETWEEN_PARTS,
        )
    )


def build(
    settings: SearchSettings,
    *,
    reader: PhotoReader,
    galleries: Galleries,
    renditions: Renditions,
    downloads: Downloads,
    metrics: SearchMetrics,
    member: Member = ALONE,
) -> SearchServicer:
    """Wire the servicer to what it stands on."""
    counts = member.ledger or Counts()
    embedder = Embedder(
        metrics,
        member.share(settings.embedding_cache_entries),
        member.share(settings.embedding_cache_bytes),
    )
    limits = SearchLimits(
        settings.max_depth,
        settings.query_reserve_seconds,
        settings.qdrant_timeout_seconds,
        SearchParams(
            settings.hnsw_ef, settings.indexed_only, settings.rescore, settings.oversampling
        ),
    )
    searcher = Searcher(embedder, reader, galleries, limits)
    retry = settings.retry_after_seconds
    admissions = Admissions(
        searches=LoadShedding(
            "searches",
            settings.max_concurrent_searches,
            retry,
            settings.max_wait_seconds,
            settings.burst_seconds,
            count=counts.count("searches"),
            idle=counts.moment("searches_idle"),
        ),
        batches=LoadShedding(
            "batch searches",
            settings.max_concurrent_batches,
            retry,
            count=counts.count("batches"),
        ),
        streams=LoadShedding(
            "live searches", settings.max_live_streams, retry, count=counts.count("streams")
        ),
        photos=LoadShedding(
            "calls for photos",
            settings.max_concurrent_photos,
            retry,
            count=counts.count("photos"),
        ),
        downloads=LoadShedding(
            "downloads",
            settings.max_concurrent_downloads,
            retry,
            count=counts.count("downloads"),
        ),
    )
    for each in fields(admissions):
        metrics.watch(each.name, getattr(admissions, each.name))
    return SearchServicer(
        searcher=searcher,
        galleries=galleries,
        contents=Contents(reader, galleries, settings.classes_cache_seconds),
        renditions=renditions,
        downloads=downloads,
        reader=reader,
        admissions=admissions,
        metrics=metrics,
        default_deadlines=DefaultDeadlines(
            settings.default_deadline_seconds,
            settings.live_deadline_seconds,
            settings.download_seconds,
        ),
    )
