"""Servers: a gRPC server with health, reflection, interceptors, TLS and an orderly end."""

import asyncio
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import grpc
import grpc.aio
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from prometheus_client import CollectorRegistry

from sketchzoo.address import authority, check_free, tell_port
from sketchzoo.rpc.interceptors import CallInterceptor, CallMetrics, Rules
from sketchzoo.rpc.malformed import MalformedInterceptor
from sketchzoo.rpc.rate import CallerRates
from sketchzoo.rpc.tls import ServerTls
from sketchzoo.settings import ServerSettings

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Service:
    """A servicer, its full name and the generated function that adds it to a server.

    Calls of the methods named in `quiet`, those that other parts make every second to see
    whether this one is there, are logged at debug.
    """

    name: str
    servicer: Any
    add: Callable[[Any, Any], None]
    quiet: frozenset[str] = frozenset()


class RpcServer:
    """A gRPC server while the context is open.

    It starts NOT_SERVING; its part calls `set_serving` when it is ready. On leaving,
    health says NOT_SERVING first, then calls under way get `drain_seconds` to end.
    """

    def __init__(
        self,
        settings: ServerSettings,
        services: Sequence[Service],
        registry: CollectorRegistry,
    ) -> None:
        self._settings = settings
        rate = settings.calls_per_second
        rules = Rules(
            max_calls=settings.max_concurrent_calls,
            default_deadline_seconds=settings.default_deadline_seconds,
            token=settings.token,
            rates=None if rate is None else CallerRates(rate),
            quiet=frozenset(f"{each.name}/{name}" for each in services for name in each.quiet),
        )
        self._server = grpc.aio.server(
            interceptors=[CallInterceptor(rules, CallMetrics(registry)), MalformedInterceptor()],
            # The rules refuse with RetryInfo; what they have no time for gRPC refuses without.
            maximum_concurrent_rpcs=4 * settings.max_concurrent_calls,
            options=[
                ("grpc.max_receive_message_length", settings.max_message_bytes),
                ("grpc.max_send_message_length", settings.max_message_bytes),
                # Two processes on one port would share its calls unseen.
                ("grpc.so_reuseport", 0),
                # Other parts ask every second for a sign of life (`BETWEEN_PARTS`).
                ("grpc.http2.min_ping_interval_without_data_ms", 500),
                ("grpc.keepalive_permit_without_calls", 1),
            ],
        )
        for service in services:
            service.add(service.servicer, self._server)
        asyncio_health: Any = health.aio  # type: ignore[attr-defined] # the stubs lack it
        self._health = asyncio_health.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self._names = [service.name for service in services]
        reflection.enable_server_reflection(
            [*self._names, health.SERVICE_NAME, reflection.SERVICE_NAME], self._server
        )
        self.port = 0

    async def set_serving(self, serving: bool) -> None:  # noqa: FBT001 - the state itself
        """Tell health, for the server and each of its services, whether calls can be answered."""
        state = health_pb2.HealthCheckResponse.SERVING
        if not serving:
            state = health_pb2.HealthCheckResponse.NOT_SERVING
        for name in ["", *self._names]:
            await self._health.set(name, state)

    async def __aenter__(self) -> Self:
        settings = self._settings
        address = authority(settings.host, settings.port)
        check_free(settings.host, settings.port)
        try:
            self.port = self._listen(address)
        except RuntimeError as error:  # gRPC's word for it, without the reason
            raise OSError(f"cannot listen on {address}") from error
        await self.set_serving(False)
        await self._server.start()
        tell_port(settings.port_file, self.port)
        log.info("listening", host=settings.host, port=self.port, services=self._names)
        return self

    def _listen(self, address: str) -> int:
        settings = self._settings
        if settings.tls_certificate is None:
            return self._server.add_insecure_port(address)
        if settings.tls_key is None:
            raise ValueError("tls_certificate needs tls_key, its private key")
        tls = ServerTls(settings.tls_certificate, settings.tls_key, settings.tls_client_ca)
        return self._server.add_secure_port(address, tls.credentials())

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._health.enter_graceful_shutdown()
        log.info("draining", seconds=self._settings.drain_seconds)
        await self._server.stop(self._settings.drain_seconds)
        log.info("stopped")


async def run_until_signal() -> None:
    """Return when the process is asked to stop: SIGTERM, or Ctrl-C."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.remove_signal_handler(number)
