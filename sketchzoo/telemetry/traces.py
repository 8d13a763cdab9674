"""Traces: one trace from the caller over search to the encoder and Qdrant.

Off unless an OTLP endpoint is set: then nothing of OpenTelemetry is imported and a span
costs one comparison. The context travels as W3C `traceparent` metadata. How many traces
are kept is OpenTelemetry's own setting, `OTEL_TRACES_SAMPLER`.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

import sketchzoo
from sketchzoo.proxy import proxy_options

TRACEPARENT = "traceparent"

Kind = Literal["server", "client", "internal"]


@dataclass(frozen=True, slots=True)
class _Tracing:
    """What spans are made with; `begins` says that a call without a parent gets a trace."""

    tracer: Any
    begins: bool


# One for the process, as its logs are: parts run in processes of their own.
_tracing: _Tracing | None = None


@contextmanager
def tracing(part: str, endpoint: str, *, begins: bool = False) -> Iterator[None]:
    """Send the part's spans to an OTLP endpoint (gRPC) while the context is open.

    An empty endpoint sends none. `begins` is for parts that callers reach first: they
    start a trace where none came along; the others only continue one.

    Raises:
        ValueError: the packages of the extra `trace` are missing.

    """
    global _tracing  # noqa: PLW0603 - see above
    if not endpoint:
        yield
        return
    try:
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (  # noqa: PLC0415 - large
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - large
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - large
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - large
    except ModuleNotFoundError as error:
        raise ValueError(
            f"otlp_endpoint needs the extra `trace` (pip install 'sketchzoo[trace]'): {error}"
        ) from error
    resource = Resource.create(
        {"service.name": f"sketchzoo-{part}", "service.version": sketchzoo.__version__}
    )
    provider = TracerProvider(resource=resource)
    exporter = OTLPSpanExporter(
        endpoint=endpoint,
        insecure=not endpoint.startswith("https://"),
        channel_options=tuple(proxy_options(urlsplit(endpoint).netloc or endpoint)),  # type: ignore[arg-type] # numbers are options too
    )
    provider.add_span_processor(BatchSpanProcessor(exporter))
    _tracing = _Tracing(provider.get_tracer("sketchzoo"), begins)
    try:
        yield
    finally:
        _tracing = None
        # Sends what is waiting; an endpoint that is away is given up after its own timeout.
        provider.shutdown()


def is_tracing() -> bool:
    """Tell whether spans go anywhere."""
    return _tracing is not None


@contextmanager
def span(
    name: str,
    kind: Kind,
    *,
    parent: str | None = None,
    attributes: Mapping[str, str | int] | None = None,
) -> Iterator[Any]:
    """Run the body in a span; yields it, or None where there is no trace.

    `parent` is a caller's `traceparent`; without one the current span is the parent.
    """
    if _tracing is None:
        yield None
        return
    from opentelemetry.trace import SpanKind  # noqa: PLC0415 - only where traces are on
    from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415
        TraceContextTextMapPropagator,
    )

    context = None
    if parent is not None:
        context = TraceContextTextMapPropagator().extract({TRACEPARENT: parent})
    elif not _tracing.begins and traceparent() is None:
        yield None
        return
    elif kind == "client" and traceparent() is None:
        # A part's own upkeep, for instance its readiness checks: no caller's trace.
        yield None
        return
    with _tracing.tracer.start_as_current_span(
        name, context=context, kind=SpanKind[kind.upper()], attributes=attributes
    ) as current:
        yield current


def traceparent() -> str | None:
    """Return the current span as W3C traceparent, None where there is none.

    The span may be of this module or of the program that uses the SDK.
    """
    module = sys.modules.get("opentelemetry.trace")
    if module is None:
        return None
    context = module.get_current_span().get_span_context()
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


def exemplar() -> dict[str, str] | None:
    """Return the exemplar that links a measurement to its trace, None where none is kept."""
    current = traceparent()
    # The first bit says that the trace is kept; the second, that its id is random.
    if current is None or not int(current[-2:], 16) & 1:
        return None
    return {"trace_id": current.split("-")[1]}
