"""Telemetry: what a part tells of itself while it runs."""

from sketchzoo.telemetry.logs import configure_logs, current_request_id, request_context
from sketchzoo.telemetry.metrics import SECONDS_BUCKETS, build_info
from sketchzoo.telemetry.page import MetricsPage
from sketchzoo.telemetry.shared import show
from sketchzoo.telemetry.traces import TRACEPARENT, exemplar, span, traceparent, tracing

__all__ = [
    "SECONDS_BUCKETS",
    "TRACEPARENT",
    "MetricsPage",
    "build_info",
    "configure_logs",
    "current_request_id",
    "exemplar",
    "request_context",
    "show",
    "span",
    "traceparent",
    "tracing",
]
