"""Calls: what both clients share, free of any transport.

A `Call` is a method's name, its request and how its response is read.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, Unpack

import grpc
from google.rpc import status_pb2

from sketchzoo.client import answers, arguments, errors
from sketchzoo.client.condition import filter_message
from sketchzoo.client.options import FilterOptions, as_query
from sketchzoo.client.query import Query
from sketchzoo.client.results import (
    ClassCounts,
    Gallery,
    LiveAnswer,
    PhotoFile,
    SearchResult,
)
from sketchzoo.rpc import errors as rpc_errors
from sketchzoo.rpc.channel import REQUEST_ID
from sketchzoo.rpc.errors import CallError, MessageTooLargeError, from_call
from sketchzoo.search.v1 import search_pb2
from sketchzoo.telemetry import traceparent

R = TypeVar("R")

_MAX_BATCH = 64
_UINT32 = 2**32 - 1

Answer = SearchResult | errors.SearchError

# Each code's error, and what its details tell besides.
_KINDS: dict[grpc.StatusCode, tuple[type[errors.SearchError], str | None]] = {
    grpc.StatusCode.INVALID_ARGUMENT: (errors.InvalidRequest, "field"),
    grpc.StatusCode.UNIMPLEMENTED: (errors.Unsupported, "field"),
    grpc.StatusCode.NOT_FOUND: (errors.NotFound, None),
    grpc.StatusCode.FAILED_PRECONDITION: (errors.NotReady, "reason"),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (errors.Overloaded, "retry_after"),
    grpc.StatusCode.UNAUTHENTICATED: (errors.Denied, None),
    grpc.StatusCode.PERMISSION_DENIED: (errors.Denied, None),
    grpc.StatusCode.DEADLINE_EXCEEDED: (errors.DeadlineExceeded, None),
    grpc.StatusCode.UNAVAILABLE: (errors.Unavailable, None),
    # A caller that cancels its own call does not come this way: a server that stops sends
    # this to what reaches it while it does.
    grpc.StatusCode.CANCELLED: (errors.Unavailable, None),
}


@dataclass(frozen=True, slots=True)
class Call(Generic[R]):
    """A call to make: the stub's method, its request, and how the response is read."""

    method: str
    request: Any
    read: Callable[[Any], R]


def search(query: Query, most: int) -> Call[SearchResult]:
    """Return the call of one search, whose message may have `most` bytes."""
    return Call("Search", _fitting(query.message(most), most), answers.result)


def following(call: Call[SearchResult], page: SearchResult) -> Call[SearchResult] | None:
    """Return the call of the page after this one, None after the last.

    It has the very picture of the call before: a file may be read only once.
    """
    if not page.next_page_token:
        return None
    request = search_pb2.SearchRequest()
    request.CopyFrom(call.request)
    request.page_token = page.next_page_token
    return Call(call.method, request, call.read)


def batch(queries: Iterable[Any], most: int) -> Call[list[Answer]]:
    """Return the call of several searches; each has its result or its error."""
    request = search_pb2.BatchSearchRequest()
    size = 0
    for number, each in enumerate(queries):
        if number == _MAX_BATCH:
            raise ValueError(f"queries must be {_MAX_BATCH} at most")
        try:
            message = as_query(each, {}).message(most)
        except (TypeError, ValueError) as error:
            error.add_note(f"in queries[{number}]")
            raise
        # Not after the last: pictures that can't be sent together are not gathered first.
        size += message.ByteSize()
        if size > most:
            raise errors.TooLarge(
                f"queries have more than the {most} bytes that are sent at most: send fewer at once"
            )
        request.requests.append(message)
    return Call("BatchSearch", _fitting(request, most), _results)


def classes(most: int, **condition: Unpack[FilterOptions]) -> Call[dict[str, int]]:
    """Return the call that counts photos by the class that people named."""
    return Call("ListClasses", list_classes(most, **condition).request, answers.named_classes)


def list_classes(most: int, **condition: Unpack[FilterOptions]) -> Call[ClassCounts]:
    """Return the call that counts photos by classes of both kinds."""
    gallery, wanted = _condition(condition)
    request = search_pb2.ListClassesRequest(filter=wanted, gallery=gallery)
    return Call("ListClasses", _fitting(request, most), answers.classes)


def list_folders(
    parent: str, most: int, **condition: Unpack[FilterOptions]
) -> Call[dict[str, int]]:
    """Return the call that counts photos by the folders right below one."""
    gallery, wanted = _condition(condition)
    request = search_pb2.ListFoldersRequest(
        parent=arguments.text("parent", parent), filter=wanted, gallery=gallery
    )
    return Call("ListFolders", _fitting(request, most), answers.folders)


def get_gallery(gallery: str) -> Call[Gallery]:
    """Return the call that tells what a gallery holds."""
    request = search_pb2.GetGalleryRequest(gallery=arguments.gallery(gallery))
    return Call("GetGallery", request, answers.gallery)


def list_galleries() -> Call[list[str]]:
    """Return the call that lists galleries."""
    return Call("ListGalleries", search_pb2.ListGalleriesRequest(), answers.galleries)


def photo(
    photo_id: str, max_side: int | None, gallery: str = "", *, original: bool
) -> Call[PhotoFile]:
    """Return the call that gets a photo."""
    request = search_pb2.GetPhotoRequest(
        photo_id=arguments.text("photo_id", photo_id),
        size=search_pb2.PHOTO_SIZE_ORIGINAL
        if arguments.flag("original", original)
        else search_pb2.PHOTO_SIZE_THUMBNAIL,
        max_side=0 if max_side is None else arguments.whole("max_side", max_side, 1, _UINT32),
        gallery=arguments.gallery(gallery),
    )
    return Call("GetPhoto", request, answers.photo)


def download(photo_id: str, gallery: str = "") -> search_pb2.DownloadPhotoRequest:
    """Return the request of a photo's original."""
    return search_pb2.DownloadPhotoRequest(
        photo_id=arguments.text("photo_id", photo_id), gallery=arguments.gallery(gallery)
    )


def drawing(sequence: int, query: Query, most: int) -> search_pb2.LiveSearchRequest:
    """Return one request of a live search."""
    request = search_pb2.LiveSearchRequest(
        sequence=sequence, request=query.message(most), traceparent=traceparent() or ""
    )
    _fitting(request, most)
    return request


def live_answer(response: search_pb2.LiveSearchResponse) -> LiveAnswer:
    """Read one response of a live search."""
    if response.WhichOneof("outcome") == "status":
        return LiveAnswer(response.sequence, error=from_status(response.status))
    return LiveAnswer(response.sequence, result=answers.result(response.response))


def from_rpc_error(error: Any) -> errors.SearchError:
    """Turn a failed call, sync or asyncio, into the error that the user sees."""
    trailing = dict(error.trailing_metadata() or ())
    return _told(from_call(error), str(trailing.get(REQUEST_ID, "")))


def from_status(status: status_pb2.Status) -> errors.SearchError:
    """Turn a status that came inside of a response into an error."""
    return _told(rpc_errors.from_status(status))


def _told(error: CallError, request_id: str = "") -> errors.SearchError:
    kind, detail = _KINDS.get(error.code, (errors.SearchError, None))
    message = error.message
    if isinstance(error, MessageTooLargeError):
        kind, detail = errors.TooLarge, None
        message = f"a message is over a limit of size: {message}"
    elif error.code is grpc.StatusCode.UNIMPLEMENTED and not error.field:
        kind, detail = errors.SearchError, None
        message = "what answers there is no search service, or one that lacks this call"
    known: dict[str, Any] = {} if detail is None else {detail: getattr(error, detail)}
    return kind(message, code=error.code.name, request_id=request_id, **known)


def _condition(options: FilterOptions) -> tuple[str, search_pb2.Filter | None]:
    """Return the gallery that options name, and their filter."""
    rest: dict[str, Any] = dict(options)
    return arguments.gallery(rest.pop("gallery", "")), filter_message(**rest)


def _fitting(request: Any, most: int) -> Any:
    """Refuse here what gRPC would refuse as RESOURCE_EXHAUSTED."""
    size = request.ByteSize()
    if size > most:
        raise errors.TooLarge(f"the request has {size} bytes; at most {most} are sent")
    return request


def _results(response: search_pb2.BatchSearchResponse) -> list[Answer]:
    return [
        from_status(result.status)
        if result.WhichOneof("outcome") == "status"
        else answers.result(result.response)
        for result in response.results
    ]
