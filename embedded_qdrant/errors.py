"""Errors in the words and with the codes of Qdrant's own server.

Source: the server's StorageError and its translation to gRPC codes
(lib/storage/src/content_manager/{errors,conversions}.rs).
"""

import errno
from collections.abc import Container, Iterator
from contextlib import contextmanager

import grpc
import structlog
from google.protobuf.message import Message

from sketchzoo.rpc import CallError, exhausted

log = structlog.get_logger()

_FULL = (errno.ENOSPC, errno.EDQUOT)
_FULL_RETRY_SECONDS = 5.0
_LINE = 400

# The engine raises plain `Exception`: only the text tells what was wrong.
_CALLERS_FAULT = (
    ("Vector dimension error", "Wrong input"),
    ("Not existing vector name error", "Wrong input"),
    ("Conversion between", "Wrong input"),
    ("No range index", "Bad request"),
    ("No appropriate index", "Bad request"),
    ("Unexpected value", "Wrong input"),
    ("Bad input", "Wrong input"),
    ("Wrong input", ""),
    ("Validation", "Wrong input"),
    ("Payload type does not match", "Wrong input"),
    ("Unable to infer type", "Wrong input"),
)


def wrong_input(description: str) -> CallError:
    """INVALID_ARGUMENT: the request cannot be read that way."""
    return CallError(grpc.StatusCode.INVALID_ARGUMENT, f"Wrong input: {description}")


class UnknownVectorError(CallError):
    """INVALID_ARGUMENT: a point names a vector that the collection has not.

    A server finds it when it writes that point: those before it, `place` of them, are written.
    """

    def __init__(self, name: str) -> None:
        told = wrong_input(f"Not existing vector name error: {name}")
        super().__init__(told.code, told.message)
        self.place = 0


def bad_request(description: str) -> CallError:
    """INVALID_ARGUMENT: the request reads well but asks for what cannot be."""
    return CallError(grpc.StatusCode.INVALID_ARGUMENT, f"Bad request: {description}")


def missing(description: str) -> CallError:
    """NOT_FOUND."""
    return CallError(grpc.StatusCode.NOT_FOUND, f"Not found: {description}")


def collection_missing(name: str) -> CallError:
    """NOT_FOUND: no collection and no alias has this name."""
    return missing(f"Collection `{name}` doesn't exist!")


def point_missing(point_id: object) -> CallError:
    """NOT_FOUND: the collection has no such point."""
    return missing(f"No point with id {point_id} found")


def already_exists(name: str) -> CallError:
    """ALREADY_EXISTS: a collection has this name."""
    return CallError(
        grpc.StatusCode.ALREADY_EXISTS, f"Wrong input: Collection `{name}` already exists!"
    )


def unserved(what: str) -> CallError:
    """UNIMPLEMENTED: Qdrant's server has it, embedded Qdrant does not; `what` names it."""
    return CallError(
        grpc.StatusCode.UNIMPLEMENTED, f"{what} is not served by embedded Qdrant; use a server"
    )


def serve_only(message: Message, fields: Container[str]) -> None:
    """Refuse a message that says more than what is served: UNIMPLEMENTED names the field."""
    for field, _ in message.ListFields():
        if field.name not in fields:
            raise unserved(f"{message.DESCRIPTOR.name}.{field.name}")


def internal(description: str) -> CallError:
    """Return INTERNAL: engine or disk failed, and whether a write was made is not known."""
    return CallError(grpc.StatusCode.INTERNAL, f"Service internal error: {description}")


def damaged(description: str) -> CallError:
    """FAILED_PRECONDITION: files must be restored before this can be answered."""
    return CallError(grpc.StatusCode.FAILED_PRECONDITION, f"Damaged: {description}")


def first_line(error: BaseException) -> str:
    """Return what an error says in one line, of a length that can be read."""
    text = " ".join(str(error).split())
    return text if len(text) <= _LINE else f"{text[:_LINE]}..."


class EngineError(Exception):
    """The engine panicked."""


@contextmanager
def engine_panics() -> Iterator[None]:
    """Turn a panic of the engine into an EngineError.

    The binding raises it as a BaseException, which would pass all that handles errors.
    """
    try:
        yield
    except BaseException as error:
        # The class is made at the first panic and cannot be imported.
        if type(error).__module__ == "pyo3_runtime":
            raise EngineError(f"the engine panicked: {first_line(error)}") from error
        raise


@contextmanager
def engine_errors() -> Iterator[None]:
    """Translate what the engine raises inside into the error of the call that asked for it.

    The engine's constructors raise ValueError, TypeError and OverflowError for values
    they cannot take, and its calls a plain Exception with a text. What is not the caller's
    fault is INTERNAL.
    """
    try:
        with engine_panics():
            yield
    except CallError:
        raise
    except (ValueError, TypeError, OverflowError) as error:
        raise wrong_input(first_line(error)) from error
    except Exception as error:
        text = str(error)
        if text.startswith("No point with id"):
            raise missing(text if text.endswith("found") else f"{text} found") from error
        for start, kind in _CALLERS_FAULT:
            if text.startswith(start):
                message = f"{kind}: {text}" if kind else text
                raise CallError(grpc.StatusCode.INVALID_ARGUMENT, message) from error
        log.exception("engine failed")
        raise internal(first_line(error)) from error


@contextmanager
def storage_errors() -> Iterator[None]:
    """Translate an OSError into the error of the call that needed the disk.

    RESOURCE_EXHAUSTED where the disk or a quota is full, else INTERNAL.
    """
    try:
        yield
    except OSError as error:
        log.exception("storage failed")
        if error.errno in _FULL:
            raise exhausted(first_line(error), _FULL_RETRY_SECONDS) from error
        raise internal(first_line(error)) from error
