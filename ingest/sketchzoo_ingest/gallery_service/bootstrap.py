"""The composition root: settings in, a serving gallery service out."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry

from sketchzoo.encoder_client import EncoderClient
from sketchzoo.gallery.v1 import gallery_pb2_grpc
from sketchzoo.limits import Peers
from sketchzoo.qdrant import QdrantConnection, connect
from sketchzoo.qdrant.galleries import Galleries
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
from sketchzoo_ingest.gallery_service.adding import Adding
from sketchzoo_ingest.gallery_service.changes import Changes
from sketchzoo_ingest.gallery_service.galleries import GalleryOptions, OpenGalleries
from sketchzoo_ingest.gallery_service.metrics import GalleryMetrics
from sketchzoo_ingest.gallery_service.pending import Pending
from sketchzoo_ingest.gallery_service.readiness import Readiness
from sketchzoo_ingest.gallery_service.sent import SentPhotos
from sketchzoo_ingest.gallery_service.servicer import SERVICE, GalleryServicer
from sketchzoo_ingest.gallery_service.settings import GallerySettings
from sketchzoo_ingest.gallery_service.shelf import MARKS, open_shelf
from sketchzoo_ingest.gallery_service.store import PhotoStore
from sketchzoo_ingest.metrics import IngestMetrics
from sketchzoo_ingest.retry import RetryPolicy

PART = "gallery"
log = structlog.get_logger()


def run(settings: GallerySettings) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Raises:
        OSError: a port is taken, a root or a TLS file is missing, the store can't be made.
        ValueError: a setting can't be used.

    """
    configure_logs(PART, level=settings.log_level, form=settings.log_format)
    with tracing(PART, settings.otlp_endpoint, begins=True):
        run_main(serve(settings))


async def serve(settings: GallerySettings) -> None:
    """Answer calls until a signal; health says SERVING while photos can be added."""
    start = time.perf_counter()
    registry = CollectorRegistry()
    build_info(registry, PART)
    connection = connect(settings, registry)
    try:
        with MetricsPage(registry, settings.host, settings.metrics_port) as page:
            async with serving(settings, connection, registry) as server:
                log.info(
                    "serving",
                    port=server.port,
                    metrics_port=page.port,
                    encoder=settings.encoder_target,
                    qdrant=settings.qdrant_url,
                    store=settings.store,
                    seconds=round(time.perf_counter() - start, 3),
                )
                await run_until_signal()
    finally:
        await connection.close()


@asynccontextmanager
async def serving(
    settings: GallerySettings, connection: QdrantConnection, registry: CollectorRegistry
) -> AsyncIterator[RpcServer]:
    """Serve galleries while the context is open; what was taken is finished at its end."""
    stop = asyncio.Event()
    metrics = GalleryMetrics(registry)
    ingest_metrics = IngestMetrics(registry, of_service=True)
    encoder = EncoderClient(
        ChannelSettings(
            settings.encoder_target,
            ClientTls.of(settings, "encoder_"),
            token=settings.encoder_token,
            max_message_bytes=settings.encoder_max_message_bytes,
            keepalive=BETWEEN_PARTS,
        )
    )
    store = _store(settings)
    limits = settings.pipeline_limits()
    with SentPhotos(settings.roots, settings.schemes, settings.fetch_limits()) as sent:
        galleries = OpenGalleries(
            connection=connection,
            encoder=encoder,
            reader=sent,
            retry=RetryPolicy(settings.retry_seconds, stop, ingest_metrics.retried),
            metrics=ingest_metrics,
            limits=limits,
            options=GalleryOptions(
                settings.max_galleries,
                settings.check_seconds,
                settings.encode_timeout_seconds,
                not settings.no_location,
                settings.collection_options(),
            ),
        )
        pending = Pending(
            settings.max_pending_photos,
            settings.max_pending_bytes,
            settings.pending_share,
            limits.images.max_bytes,
        )
        metrics.watch(pending)
        adding = Adding(galleries, pending, store, metrics, limits.images.max_bytes)

        async def recover() -> None:
            if store is not None:
                await store.recover(galleries.is_held)

        readiness = Readiness(
            encoder, Galleries(connection), metrics, settings.check_seconds, recover
        )
        servicer = GalleryServicer(
            gallery=settings.gallery,
            adding=adding,
            changes=Changes(connection, store, galleries.is_held),
            pending=pending,
            readiness=readiness,
            connection=connection,
            metrics=metrics,
            exempt=Peers(settings.exempt_peers),
            stream_photos=settings.stream_photos,
        )
        service = Service(
            SERVICE,
            servicer,
            gallery_pb2_grpc.add_GalleryServiceServicer_to_server,
            quiet=frozenset({"GetStatus"}),
        )
        try:
            async with RpcServer(settings, [service], registry) as server:
                readiness.on_change = server.set_serving
                watching = asyncio.create_task(readiness.watch())
                try:
                    yield server
                finally:
                    watching.cancel()
                    await asyncio.wait([watching])
        finally:
            # Photos that no caller waits for any more: nothing is tried again for them.
            stop.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(settings.drain_seconds):
                    await adding.drain()
                    await galleries.close()
            await adding.give_up()
            if store is not None:
                store.close()
            await encoder.close()


def _store(settings: GallerySettings) -> PhotoStore | None:
    if settings.store is None:
        return None
    spool = settings.spool or Path(settings.store).absolute() / MARKS
    return PhotoStore(open_shelf(settings.store), spool)
