"""Metrics of a server's calls: the gRPC ecosystem's, and what callers hold of the server."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from sketchzoo.rpc.call import Call
from sketchzoo.telemetry import SECONDS_BUCKETS, exemplar, show


class CallMetrics:
    """The metrics of one server; calls' own bear go-grpc-prometheus' names."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ["grpc_type", "grpc_service", "grpc_method"]
        self._started = Counter(
            "grpc_server_started_total", "Calls started.", labels, registry=registry
        )
        self._handled = Counter(
            "grpc_server_handled_total",
            "Calls ended, by status code.",
            [*labels, "grpc_code"],
            registry=registry,
        )
        self._seconds = Histogram(
            "grpc_server_handling_seconds",
            "Seconds from a call's start to its end.",
            labels,
            buckets=SECONDS_BUCKETS,
            registry=registry,
        )
        self._held = Gauge(
            "sketchzoo_rpc_held",
            "What callers hold: calls (until their answer has gone), health checks, open "
            "streams, bytes of messages under way.",
            ["what"],
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.refused = Counter(
            "sketchzoo_rpc_refused_total",
            "What callers were refused before their message was read, or cut off from: token, "
            "rate, calls, health, bytes, time.",
            ["reason"],
            registry=registry,
        )

    def of(self, call: Call) -> "MethodMetrics":
        """Return a method's own counters; looking them up by labels once saves it each call."""
        labels = (call.kind, call.service, call.method)
        return MethodMetrics(
            self._started.labels(*labels),
            lambda code: self._handled.labels(*labels, code),
            self._seconds.labels(*labels),
        )

    def watch(self, what: str, held: Callable[[], float]) -> None:
        """Show how much of something is held, when the page is read."""
        show(self._held.labels(what), held)


class MethodMetrics:
    """Counts and times the calls of one method."""

    def __init__(
        self, started: Counter, handled: Callable[[str], Counter], seconds: Histogram
    ) -> None:
        self._started = started
        self._make = handled
        self._handled: dict[str, Counter] = {}
        self._seconds = seconds

    def started(self) -> None:
        """Count a call that begins."""
        self._started.inc()

    def ended(self, code: str, seconds: float) -> None:
        """Count a call that has ended."""
        handled = self._handled.get(code)
        if handled is None:
            handled = self._handled[code] = self._make(code)
        handled.inc()
        self._seconds.observe(seconds, exemplar())
