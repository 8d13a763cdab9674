"""Telemetry: what a part tells of itself while it runs."""

from sketchzoo.telemetry.logs import configure_logs, current_request_id, request_context
from sketchzoo.telemetry.metrics import SECONDS_BUCKETS, MetricsPage, build_info

__all__ = [
    "SECONDS_BUCKETS",
    "MetricsPage",
    "build_info",
    "configure_logs",
    "current_request_id",
    "request_context",
]
