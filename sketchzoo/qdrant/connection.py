"""The connection to Qdrant: its endpoints, a deadline on every call, errors by type.

Messages and stubs are those that qdrant-client ships; of the client itself nothing is used
(docs/adr/0063-one-channel-to-qdrant.md).
"""

import asyncio
import random
import time
from typing import Any

import grpc
import grpc.aio
import structlog
from google.protobuf.message import Message
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from sketchzoo.call_settings import QdrantSettings
from sketchzoo.proxy import is_near
from sketchzoo.qdrant.endpoints import Endpoints
from sketchzoo.qdrant.errors import PART, from_qdrant
from sketchzoo.qdrant.metrics import QdrantMetrics
from sketchzoo.qdrant.places import Place, read_urls
from sketchzoo.rpc import (
    BETWEEN_PARTS,
    CallError,
    ChannelSettings,
    deadline_exceeded,
    open_channel,
    outgoing_metadata,
    unavailable,
)
from sketchzoo.rpc.tls import ClientTls
from sketchzoo.telemetry import exemplar, span

log = structlog.get_logger()

_MAX_MESSAGE_BYTES = 64 * 1024 * 1024
_SYSTEM: dict[str, str | int] = {"db.system.name": "qdrant"}
# What another endpoint may answer: CANCELLED is what a server sends while it stops. Every call
# may be made again: they read, or write the same points and names again.
_AWAY = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
)
# How often all endpoints are asked, and the longest pause before the second time.
_ROUNDS = 3
_PAUSE_SECONDS = 0.05


def remaining(deadline: float | None) -> float | None:
    """Return the seconds until a deadline in `time.monotonic()` seconds, None without one.

    DEADLINE_EXCEEDED where it has passed: gRPC might answer a call of no seconds.
    """
    if deadline is None:
        return None
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise deadline_exceeded(f"waiting for {PART}")
    return seconds


class QdrantConnection:
    """The endpoints of one Qdrant and the rules of calling them; made by `connect`.

    A call that an endpoint fails is made of the others. Each has an equal share of the time
    that is left, and `attempt_seconds` where there is so much; the last one has all of it.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        timeout_seconds: float,
        *,
        attempt_seconds: float = 1.0,
        api_key: SecretStr | None = None,
        registry: CollectorRegistry | None = None,
    ) -> None:
        self._endpoints = endpoints
        self._own = (("api-key", api_key.get_secret_value()),) if api_key is not None else ()
        self._timeout_seconds = timeout_seconds
        self._attempt_seconds = attempt_seconds
        self._metrics = QdrantMetrics(registry)

    async def ask(self, method: str, request: Message, timeout_seconds: float | None = None) -> Any:
        """Make a call, named as in `Points/Upsert`, and return its answer.

        It ends within `timeout_seconds` or the setting, whichever is sooner.

        Raises:
            CallError: UNAVAILABLE, DEADLINE_EXCEEDED, or what Qdrant refused.

        """
        limit = self._timeout_seconds
        if timeout_seconds is not None:
            limit = min(limit, timeout_seconds)
        start = time.perf_counter()
        code = grpc.StatusCode.UNKNOWN
        try:
            with span(method, "client", attributes=_SYSTEM):
                answer = await self._ask(method, request, time.monotonic() + limit)
            code = grpc.StatusCode.OK
        except CallError as error:
            code = error.code
            raise
        except asyncio.CancelledError:
            code = grpc.StatusCode.CANCELLED
            raise
        finally:
            seconds = time.perf_counter() - start
            self._metrics.seconds.labels(method, code.name).observe(seconds, exemplar())
        return answer

    async def close(self) -> None:
        """Close all channels."""
        await self._endpoints.close()

    async def _ask(self, method: str, request: Message, deadline: float) -> Any:
        metadata = (*self._own, *outgoing_metadata())
        # Searches go to all nodes; a cluster's other nodes may hear of a write a moment later.
        spread = method.startswith("Points/Query")
        least = self._attempt_seconds
        for turn in range(_ROUNDS):
            if turn:
                pause = _PAUSE_SECONDS * 2 ** (turn - 1) * random.uniform(0.5, 1)  # noqa: S311 - no secret
                await asyncio.sleep(min(pause, remaining(deadline) or 0))
            known = await self._endpoints.known(remaining(deadline) or 0)
            untried = len(known)
            for endpoint in self._endpoints.ordered(known, spread=spread):
                left = remaining(deadline) or 0
                limit = min(left, max(least, left / untried))
                untried -= 1
                try:
                    answer = await endpoint.call(method, request, limit, metadata)
                except grpc.aio.AioRpcError as error:
                    code = error.code()
                    if code not in _AWAY:
                        endpoint.answered()
                        raise from_qdrant(error) from error
                    # Who comes with too little time says nothing of the node.
                    if code is not grpc.StatusCode.DEADLINE_EXCEEDED or limit >= least:
                        endpoint.failed(code)
                    self._metrics.failures.labels(endpoint.place.target, code.name).inc()
                    failure = error
                    continue
                if not spread:
                    self._endpoints.prefer(endpoint)
                return answer
            if failure.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                break
        raise _away(failure, len(known)) from failure


def _away(error: grpc.aio.AioRpcError, endpoints: int) -> CallError:
    """Translate the last failure of a call that no endpoint answered."""
    told = from_qdrant(error)
    if endpoints == 1 or told.code is not grpc.StatusCode.UNAVAILABLE:
        return told
    reason = told.message.removeprefix(f"{PART} is away: ")
    return unavailable(PART, f"none of its {endpoints} endpoints answers, the last one: {reason}")


def connect(
    settings: QdrantSettings, registry: CollectorRegistry | None = None
) -> QdrantConnection:
    """Open channels to the Qdrant at the settings' addresses; nothing is sent yet.

    Calls are timed in `registry`, if one is given.

    Raises:
        ValueError: an address is none, or a TLS file holds no certificate or key.
        OSError: a TLS file is missing.

    """
    secure, places = read_urls(settings.qdrant_url)
    key = settings.qdrant_api_key
    if key is not None and not secure and not all(is_near(place.host) for place in places):
        log.warning("the key goes unencrypted", qdrant_url=settings.qdrant_url, right="https://")
    tls = ClientTls(
        settings.qdrant_ca, settings.qdrant_client_certificate, settings.qdrant_client_key
    )

    def opened(place: Place) -> grpc.aio.Channel:
        return open_channel(
            ChannelSettings(
                place.target,
                tls=tls if secure else None,
                max_message_bytes=_MAX_MESSAGE_BYTES,
                keepalive=BETWEEN_PARTS,
                # Others are asked instead.
                retries=False,
                host=place.host if place.address is not None else None,
            )
        )

    return QdrantConnection(
        Endpoints(places, opened),
        settings.qdrant_timeout_seconds,
        attempt_seconds=settings.qdrant_attempt_seconds,
        api_key=key,
        registry=registry,
    )
