"""Servers: a gRPC server with health, reflection, interceptors, TLS and an orderly end."""

import asyncio
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import grpc
import grpc.aio
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from prometheus_client import CollectorRegistry

from sketchzoo.address import authority, check_free, tell_port
from sketchzoo.group.member import ALONE, Member
from sketchzoo.memory import keep_what_is_loaded
from sketchzoo.rpc.admission import Authorize, Check, Rules
from sketchzoo.rpc.interceptor import CallInterceptor
from sketchzoo.rpc.metrics import CallMetrics
from sketchzoo.rpc.reflection import add_reflection
from sketchzoo.rpc.tls import ServerTls
from sketchzoo.settings import ServerSettings

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Service:
    """A servicer, its full name and the generated function that adds it to a server.

    Calls of the methods named in `quiet`, those that other parts make every second to see
    whether this one is there, are logged at debug. `authorize` gets a call's headers before
    its message is read, and raises `CallError` where they don't do; so does what `checks` has
    for a method's name, where its call would be refused whatever it said.
    """

    name: str
    servicer: Any
    add: Callable[[Any, Any], None]
    quiet: frozenset[str] = frozenset()
    authorize: Authorize | None = None
    checks: Mapping[str, Check] = field(default_factory=dict)


class RpcServer:
    """A gRPC server while the context is open.

    It starts NOT_SERVING; its part calls `set_serving` when it is ready. On leaving,
    health says NOT_SERVING first, then calls under way get `drain_seconds` to end.

    As a group's `member` it shares a port that the group's parent holds and tells.
    """

    def __init__(
        self,
        settings: ServerSettings,
        services: Sequence[Service],
        registry: CollectorRegistry,
        member: Member | None = None,
    ) -> None:
        self._settings = settings
        self._member = member or ALONE
        interceptor = CallInterceptor(
            Rules.of(settings),
            CallMetrics(registry),
            quiet=frozenset(f"{each.name}/{name}" for each in services for name in each.quiet),
            authorize={each.name: each.authorize for each in services if each.authorize},
            checks={
                f"{each.name}/{name}": check
                for each in services
                for name, check in each.checks.items()
            },
            counts=self._member.ledger,
        )
        self._admission = interceptor.admission
        self._looking_up: asyncio.Task[None] | None = None
        # Without `maximum_concurrent_rpcs`, which refuses without RetryInfo, and health as well.
        self._server = grpc.aio.server(
            interceptors=[interceptor], options=_options(settings, self._member)
        )
        for service in services:
            service.add(service.servicer, self._server)
        asyncio_health: Any = health.aio  # type: ignore[attr-defined] # the stubs lack it
        self._health = asyncio_health.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self._names = [service.name for service in services]
        add_reflection([*self._names, health.SERVICE_NAME], self._server)
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
        if self._member.is_alone:
            check_free(settings.host, settings.port)
        try:
            self.port = self._listen(address)
        except RuntimeError as error:  # gRPC's word for it, without the reason
            raise OSError(f"cannot listen on {address}") from error
        await self.set_serving(False)
        if self._admission.rules.exempt.names:
            self._looking_up = asyncio.create_task(self._admission.look_up())
        await self._server.start()
        if self._member.is_alone:
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
        if self._looking_up is not None:
            self._looking_up.cancel()
            await asyncio.wait([self._looking_up])
        log.info("stopped")


def _options(settings: ServerSettings, member: Member) -> list[tuple[str, int]]:
    keepalive = settings.keepalive_seconds
    return [
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        ("grpc.max_send_message_length", settings.max_message_bytes),
        # Two processes on one port would share its calls unseen, but a group's are to.
        ("grpc.so_reuseport", int(not member.is_alone)),
        # Other parts ask every second for a sign of life (`BETWEEN_PARTS`).
        ("grpc.http2.min_ping_interval_without_data_ms", 500),
        ("grpc.keepalive_permit_without_calls", 1),
        # A caller that vanished is noticed by its silence; `sketchzoo.rpc.channel` says why
        # three options mean one thing.
        ("grpc.keepalive_time_ms", _milliseconds(keepalive)),
        ("grpc.keepalive_timeout_ms", _milliseconds(keepalive)),
        ("grpc.http2.ping_timeout_ms", _milliseconds(keepalive)),
        # An answer that nobody reads can't be taken back by `grpc.aio`: it goes with its
        # connection.
        ("grpc.max_connection_age_ms", _milliseconds(settings.max_connection_age_seconds)),
        (
            "grpc.max_connection_age_grace_ms",
            _milliseconds(settings.connection_grace_seconds),
        ),
        # What core buffers of a call that nobody reads is this window, and stays it: the probe
        # would widen it to what the network carries.
        ("grpc.http2.bdp_probe", 0),
        ("grpc.http2.lookahead_bytes", 256 * 1024),
    ]


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))


async def run_until_signal(
    member: Member = ALONE, ready: Callable[[], object] = lambda: None
) -> None:
    """Return when the process is asked to stop: SIGTERM, or Ctrl-C.

    `ready` is called as soon as it may be asked. A second signal ends it at once, but no group's
    member: its parent passes on what it may have got already, and ends it where it takes too long.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    keep_what_is_loaded()
    ready()
    await stop.wait()
    if member.is_alone:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
