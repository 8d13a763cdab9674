"""The composition root: embedded Qdrant, wired by hand."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from prometheus_client import CollectorRegistry
from qdrant_client import grpc

from embedded_qdrant.catalogue import Catalogue
from embedded_qdrant.metrics import CollectionMetrics
from embedded_qdrant.servicers import collections, points, service
from embedded_qdrant.servicers.calls import Gate
from embedded_qdrant.settings import EmbeddedQdrantSettings
from embedded_qdrant.upkeep import Upkeep
from sketchzoo.rpc import RpcServer, Service, run_main, run_until_signal
from sketchzoo.telemetry import MetricsPage, build_info, configure_logs, tracing

log = structlog.get_logger()


@asynccontextmanager
async def serving(settings: EmbeddedQdrantSettings) -> AsyncIterator[RpcServer]:
    """Serve while the context is open; raises StorageInUseError or DamagedCollectionError."""
    registry = CollectorRegistry()
    build_info(registry, "embedded-qdrant")
    catalogue = Catalogue(settings)
    try:
        metrics = CollectionMetrics(registry, catalogue.all)
        gate = Gate(settings.api_key, settings.read_only_api_key)
        server = RpcServer(
            settings,
            [
                Service(
                    points.SERVICE.full_name,
                    points.PointsService(catalogue, gate, settings),
                    grpc.add_PointsServicer_to_server,
                    authorize=gate.check,
                ),
                Service(
                    collections.SERVICE.full_name,
                    collections.CollectionsService(catalogue, gate),
                    grpc.add_CollectionsServicer_to_server,
                    quiet=frozenset({"ListAliases", "Get"}),
                    authorize=gate.check,
                ),
                Service(service.QDRANT, service.QdrantService(), grpc.add_QdrantServicer_to_server),
                Service(
                    service.SNAPSHOTS,
                    service.SnapshotsService(),
                    grpc.add_SnapshotsServicer_to_server,
                ),
            ],
            registry,
        )
        upkeep = Upkeep(catalogue, settings, metrics)
        with MetricsPage(registry, settings.host, settings.metrics_port) as page:
            if page.port is not None:
                log.info("metrics", host=settings.host, port=page.port)
            # Loaded before it listens: what is there must never be NOT_FOUND.
            catalogue.open()
            async with server, upkeep:
                await server.set_serving(True)
                yield server
    finally:
        await catalogue.close()


async def serve(settings: EmbeddedQdrantSettings) -> None:
    """Serve until the process is asked to stop."""
    async with serving(settings):
        await run_until_signal()


def run(settings: EmbeddedQdrantSettings) -> None:
    """Run embedded Qdrant in this process."""
    configure_logs("embedded-qdrant", level=settings.log_level, form=settings.log_format)
    with tracing("embedded-qdrant", settings.otlp_endpoint):
        run_main(serve(settings))
