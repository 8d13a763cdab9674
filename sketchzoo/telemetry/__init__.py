"""Telemetry: what a part tells of itself while it runs."""

from sketchzoo.telemetry.logs import (
    configure_logs,
    current_request_id,
    request_context,
    serve_request,
)
from sketchzoo.telemetry.metrics import SECONDS_BUCKETS, build_info
from sketchzoo.telemetry.page import MetricsPage
from sketchzoo.telemetry.shared import show
from sketchzoo.telemetry.traces import (
    TRACEPARENT,
    exemplar,
    is_tracing,
    span,
    traceparent,
    tracing,
)

__all__ = [
    "SECONDS_BUCKETS",
    "TRACEPARENT",
    "MetricsPage",
    "build_info",
    "configure_logs",
    "current_request_id",
    "exemplar",
    "is_tracing",
    "request_context",
    "serve_request",
    "show",
    "span",
    "traceparent",
    "tracing",
]
