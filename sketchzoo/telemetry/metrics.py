"""Metrics: what every part's registry holds."""

import platform

from prometheus_client import CollectorRegistry, Gauge, disable_created_metrics
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

import sketchzoo

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
        multiprocess_mode="livemax",
    ).labels(part, sketchzoo.__version__, platform.python_version()).set(1)
