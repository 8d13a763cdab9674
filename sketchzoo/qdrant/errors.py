"""Errors of Qdrant by type: what is not there, and what is there already.

Qdrant tells by its text alone whether a collection or a point is missing; nobody but this
module reads it.
"""

import re
from typing import Any

import grpc
import grpc.aio

from sketchzoo.rpc import (
    CallError,
    NotFoundError,
    exhausted,
    from_rpc_error,
    not_found,
    precondition,
)

PART = "Qdrant"

_COLLECTION = re.compile(r"Collection `(?P<name>[^`]+)` doesn't exist")
_POINT = re.compile(r"No point with id (?P<id>\S+) found")


class CollectionNotFoundError(NotFoundError):
    """NOT_FOUND: Qdrant has no such collection."""

    def __init__(self, collection: str) -> None:
        super().__init__(f"{PART} has no collection {collection}")
        self.collection = collection


class PhotoNotFoundError(NotFoundError):
    """NOT_FOUND: the collection has no such photo."""

    def __init__(self, photo_id: str) -> None:
        super().__init__(f"no such photo: {photo_id}")
        self.photo_id = photo_id


class CollectionExistsError(CallError):
    """ALREADY_EXISTS: the collection was made meanwhile."""


def foreign_point(collection: str, point_id: str, problem: object) -> CallError:
    """FAILED_PRECONDITION: the collection holds a point that ingest did not write."""
    return precondition(
        "FOREIGN_POINT",
        f"the collection {collection} holds the point {point_id}, which ingest did not write "
        f"({problem}): delete it, and let other tools write into collections of their own",
    )


def from_qdrant(error: grpc.aio.AioRpcError) -> CallError:
    """Translate a failed call to Qdrant into the error of the call that needed it."""
    text = error.details() or error.code().name
    match error.code():
        case grpc.StatusCode.NOT_FOUND:
            if found := _COLLECTION.search(text):
                return CollectionNotFoundError(found["name"])
            if found := _POINT.search(text):
                return PhotoNotFoundError(found["id"])
            return not_found(text)
        case grpc.StatusCode.ALREADY_EXISTS:
            return CollectionExistsError(error.code(), text)
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            # A server says with a header when to come back, embedded Qdrant with RetryInfo.
            trailing: Any = error.trailing_metadata() or ()  # pairs, whatever the stubs say
            for key, value in trailing:
                if key == "retry-after" and str(value).isdecimal():
                    return exhausted(f"{PART} is busy", float(value))
    return from_rpc_error(error, PART)
