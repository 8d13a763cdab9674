"""Logs: structlog events, JSON off a terminal, each with its request id."""

import asyncio
import io
import logging
import os
import re
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TextIO, cast

import structlog

# Without the frames' locals: they may hold tokens.
_TRACEBACKS = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)
# What a caller may choose as a request id; anything else is replaced, so that no
# caller writes into the logs what it likes.
_REQUEST_ID = re.compile(r"^[A-Za-z0-9._-]{1,64}$")

# Not one of structlog's own context variables: those are found by going through all.
_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


class _Stderr(io.TextIOBase):
    """What `sys.stderr` is at the time of writing: a progress bar puts itself in its place."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def configure_logs(part: str, *, level: str = "info", form: str = "auto") -> None:
    """Send structlog's and the standard library's events to stderr.

    `part` is bound to every event. `form` is `json`, `console` or `auto`, which is
    console on a terminal.
    """
    terminal = sys.stderr.isatty()
    colours = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    console = form == "console" or (form == "auto" and terminal)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _with_request_id,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: list[structlog.typing.Processor] = (
        [structlog.dev.ConsoleRenderer(colors=colours)]
        if console
        else [_TRACEBACKS, structlog.processors.JSONRenderer()]
    )
    threshold = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, *renderer],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", _Stderr())),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(part=part)
    handler = logging.StreamHandler(_Stderr())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    handler.addFilter(_is_told)
    logging.basicConfig(handlers=[handler], level=max(threshold, logging.WARNING), force=True)


@contextmanager
def request_context(request_id: str | None) -> Iterator[str]:
    """Bind a request id to every event inside; make one where none, or a bad one, came."""
    request_id = _usable(request_id)
    token = _request_id.set(request_id)
    try:
        yield request_id
    finally:
        _request_id.reset(token)


def serve_request(request_id: str | None) -> str:
    """Bind a request id as `request_context` does, for the rest of the running task."""
    request_id = _usable(request_id)
    _request_id.set(request_id)
    return request_id


def current_request_id() -> str | None:
    """Return the id of the request being served, to be passed on to the next part."""
    return _request_id.get()


def _is_told(record: logging.LogRecord) -> bool:
    """Pass over what gRPC takes for its own failure: calls cancelled when their server ended."""
    error = record.exc_info and record.exc_info[1]
    return not (record.name.startswith("grpc.") and isinstance(error, asyncio.CancelledError))


def _usable(request_id: str | None) -> str:
    if request_id is None or not _REQUEST_ID.match(request_id):
        return secrets.token_hex(16)
    return request_id


def _with_request_id(
    logger: structlog.typing.WrappedLogger,  # noqa: ARG001 - a processor's form
    method: str,  # noqa: ARG001 - a processor's form
    event: structlog.typing.EventDict,
) -> structlog.typing.EventDict:
    if (request_id := _request_id.get()) is not None:
        event["request_id"] = request_id
    return event
