"""The composition root: builds the gateway and serves it until asked to stop."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import structlog
import uvicorn
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from live_demo.access import guard_of
from live_demo.adder import Adder
from live_demo.application import Gateway
from live_demo.connections import Connections, timed
from live_demo.gallery_map import MapFile
from live_demo.metrics import LiveMetrics
from live_demo.middleware import PeerMiddleware
from live_demo.searcher import Searcher
from live_demo.settings import LiveSettings
from sketchzoo.address import listen, tell_port
from sketchzoo.limits import Shares
from sketchzoo.rpc import run_until_signal
from sketchzoo.telemetry import MetricsPage, build_info

log = structlog.get_logger()

_KEEP_ALIVE_SECONDS = 15
# A page takes a WebSocket and up to six connections for photos.
_CONNECTIONS_A_PAGE = 8
_BACKLOG = 1024


class _Server(uvicorn.Server):
    """uvicorn's server without its signal handlers: the part has its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass(frozen=True, slots=True)
class Running:
    """A gateway that is being served: its page's port and its metrics'."""

    port: int
    metrics_port: int | None
    ended: asyncio.Event


@contextlib.asynccontextmanager
async def running(settings: LiveSettings) -> AsyncIterator[Running]:
    """Serve the page while the context is open; leaving it, connections are drained."""
    registry = CollectorRegistry()
    build_info(registry, "live")
    metrics = LiveMetrics(registry)
    guard = guard_of(settings)
    searcher = Searcher(settings)
    adder = Adder(settings) if settings.lets_add else None
    map_file = MapFile(settings.map_file)
    gateway = Gateway(settings, searcher, adder, guard, metrics=metrics, map_file=map_file)
    try:
        with (
            MetricsPage(registry, settings.host, settings.metrics_port) as page,
            contextlib.ExitStack() as sockets,
        ):
            listeners = listen(settings.host, settings.port, _BACKLOG)
            for listener in listeners:
                sockets.enter_context(listener)
            server = _Server(_config(gateway.application, settings, metrics))
            serving = asyncio.create_task(server.serve(listeners))
            ended = asyncio.Event()
            serving.add_done_callback(lambda _: ended.set())
            try:
                yield Running(listeners[0].getsockname()[1], page.port, ended)
            finally:
                server.should_exit = True
                await serving
    finally:
        await searcher.close()
        if adder is not None:
            await adder.close()


async def serve(settings: LiveSettings) -> None:
    """Serve the page until SIGTERM or Ctrl-C."""
    async with running(settings) as gateway:
        tell_port(settings.port_file, gateway.port)
        log.info(
            "listening",
            host=settings.host,
            port=gateway.port,
            metrics_port=gateway.metrics_port,
        )
        if not (settings.is_private or settings.asks):
            log.warning(
                "whoever reaches the page sees its photos; SKETCHZOO_LIVE_PASSWORD asks them"
            )
        stopping = asyncio.create_task(run_until_signal())
        ending = asyncio.create_task(gateway.ended.wait())
        await asyncio.wait({stopping, ending}, return_when=asyncio.FIRST_COMPLETED)
        log.info("draining", seconds=settings.drain_seconds)
    log.info("stopped")


def _config(application: ASGIApp, settings: LiveSettings, metrics: LiveMetrics) -> uvicorn.Config:
    most = _CONNECTIONS_A_PAGE * settings.max_connections
    connections = Connections(
        Shares(most, min(most, _CONNECTIONS_A_PAGE * settings.max_client_connections)),
        settings.proxies,
        arriving=settings.request_seconds,
        answering=settings.answer_seconds,
        # uvicorn ends it before, unless bytes of an answer wait to be read.
        idle=2 * _KEEP_ALIVE_SECONDS,
        metrics=metrics,
    )
    if settings.trusted_proxies:
        application = ProxyHeadersMiddleware(application, settings.trusted_proxies)  # type: ignore[arg-type,assignment] # ASGI by other names
    return uvicorn.Config(
        PeerMiddleware(application),
        http=timed(connections),
        ws="websockets-sansio",
        ws_max_size=settings.max_message_bytes,
        ws_max_queue=4,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=max(1, round(settings.drain_seconds)),
    )
