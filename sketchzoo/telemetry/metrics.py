"""Metrics: a registry for each part and the page that Prometheus reads."""

import platform
from types import TracebackType
from typing import Self

from prometheus_client import (
    CollectorRegistry,
    Gauge,
    disable_created_metrics,
    start_http_server,
)
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

import sketchzoo
from sketchzoo.address import check_free

# From half a millisecond to ten seconds: what a call on one machine or over a network takes.
SECONDS_BUCKETS = (
    0.0005, 0.001, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05,
    0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip


def build_info(registry: CollectorRegistry, part: str) -> None:
    """Register what is running: `sketchzoo_build_info` and the process's own metrics."""
    # A `_created` series beside every counter doubles the page for a time nobody reads.
    disable_created_metrics()  # type: ignore[no-untyped-call] # the library left it untyped
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    Gauge(
        "sketchzoo_build_info",
        "What is running; always 1.",
        ["part", "version", "python"],
        registry=registry,
    ).labels(part, sketchzoo.__version__, platform.python_version()).set(1)


class MetricsPage:
    """`/metrics` over HTTP in a thread of its own, while the context is open.

    `port` None serves none; 0 takes a free port, which `port` then tells.
    """

    def __init__(self, registry: CollectorRegistry, host: str, port: int | None) -> None:
        self._registry = registry
        self._host = host
        self.port = port

    def __enter__(self) -> Self:
        if self.port is not None:
            try:
                check_free(self._host, self.port)
                self._server, self._thread = start_http_server(
                    self.port, addr=self._host, registry=self._registry
                )
            except OSError as error:
                raise OSError(f"{error} (metrics)") from error
            self.port = int(self._server.server_port)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.port is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
