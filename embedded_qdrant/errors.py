"""Errors in the words and with the codes of Qdrant's own server.

Source: the server's StorageError and its translation to gRPC codes
(lib/storage/src/content_manager/{errors,conversions}.rs).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import grpc

from sketchzoo.rpc import CallError

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


@contextmanager
def engine_errors() -> Iterator[None]:
    """Translate what the engine raises inside; what is not the caller's fault passes.

    The engine's constructors raise ValueError, TypeError and OverflowError for values
    they cannot take, and its calls a plain Exception with a text.
    """
    try:
        yield
    except CallError:
        raise
    except (ValueError, TypeError, OverflowError) as error:
        raise wrong_input(str(error).splitlines()[0]) from error
    except Exception as error:
        text = str(error)
        if text.startswith("No point with id"):
            raise missing(text if text.endswith("found") else f"{text} found") from error
        for start, kind in _CALLERS_FAULT:
            if text.startswith(start):
                message = f"{kind}: {text}" if kind else text
                raise CallError(grpc.StatusCode.INVALID_ARGUMENT, message) from error
        raise
