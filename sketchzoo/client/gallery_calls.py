"""The gallery service's calls: messages from arguments, values from answers."""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sketchzoo.client import arguments
from sketchzoo.client.calls import Call, from_status
from sketchzoo.client.condition import filter_message
from sketchzoo.client.errors import SearchError
from sketchzoo.client.gallery import AddResult, GalleryStatus, NewPhoto, Outcome
from sketchzoo.gallery.v1 import gallery_pb2

PIECE_BYTES = 256 * 1024
"""Of a file's pieces; the service takes 1 MiB."""
MAX_IDS = 1_000

_OUTCOMES: dict[int, Outcome] = {
    gallery_pb2.ADD_OUTCOME_WRITTEN: "written",
    gallery_pb2.ADD_OUTCOME_UPDATED: "updated",
    gallery_pb2.ADD_OUTCOME_UNCHANGED: "unchanged",
}
Request = gallery_pb2.AddPhotosRequest


def photo_requests(index: int, photo: NewPhoto, gallery: str) -> Iterator[Request]:
    """Yield a photo's header and its pieces; a file is read as they are sent.

    Raises:
        OSError: the file can't be read.
        TypeError, ValueError: its payload can't be sent.

    """
    header = gallery_pb2.PhotoHeader(
        sequence=index,
        file_name=photo.file_name,
        folder=photo.folder,
        class_name=photo.class_name,
    )
    fill_columns(header.payload, photo.payload)
    if photo.uri:
        header.uri = photo.uri
        yield Request(gallery=gallery, photo=header)
        return
    if not photo.path:
        content = memoryview(photo.source).cast("B")  # type: ignore[arg-type] # no path, no uri
        header.size_bytes = len(content)
        yield Request(gallery=gallery, photo=header)
        for start in range(0, len(content), PIECE_BYTES):
            yield Request(piece=bytes(content[start : start + PIECE_BYTES]))
        return
    with open(photo.path, "rb", opener=_open_nonblocking) as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError(None, "is no file", photo.path)
        if not found.st_size:
            raise OSError(None, "is empty", photo.path)
        header.size_bytes = left = found.st_size
        header.file_name = photo.file_name or _told(os.path.basename(photo.path))  # noqa: PTH119 - a string
        yield Request(gallery=gallery, photo=header)
        # One that grows meanwhile is sent as it was; of a shorter one the service tells.
        while left and (piece := file.read(min(PIECE_BYTES, left))):
            left -= len(piece)
            yield Request(piece=piece)


def answer(index: int, photo: NewPhoto, response: gallery_pb2.AddPhotosResponse) -> AddResult:
    """Read a photo's answer."""
    if response.WhichOneof("outcome") == "status":
        return AddResult(index, photo, error=from_status(response.status))
    added = response.photo
    outcome = _OUTCOMES.get(added.outcome)
    if outcome is None:
        return AddResult(index, photo, error=SearchError("the service answered no outcome"))
    return AddResult(index, photo, added.photo_id, outcome)


def delete(gallery: str, ids: Sequence[str] | None, condition: Mapping[str, Any]) -> Call[int]:
    """Return the call that deletes photos, by ids or by a filter: `filter_message`'s arguments."""
    request = gallery_pb2.DeletePhotosRequest(gallery=arguments.text("gallery", gallery))
    wanted = filter_message(**condition)
    if ids is not None:
        if wanted is not None:
            raise ValueError("give photo_ids or a filter, not both")
        named = arguments.texts("photo_ids", ids)
        if not 1 <= len(named) <= MAX_IDS:
            raise ValueError(f"photo_ids must be 1 to {MAX_IDS:,} ids, not {len(named):,}")
        request.ids.photo_ids.extend(named)
    elif wanted is None:
        raise ValueError("give photo_ids or a filter: an empty one would delete the whole gallery")
    else:
        request.filter.CopyFrom(wanted)
    return Call("DeletePhotos", request, lambda response: int(response.deleted))


def set_payload(
    gallery: str,
    photo_id: str,
    class_name: str | None,
    rating: int | None,
    payload: Mapping[str, Any] | None,
) -> Call[bool]:
    """Return the call that changes a photo's payload."""
    request = gallery_pb2.SetPayloadRequest(
        gallery=arguments.text("gallery", gallery), photo_id=arguments.text("photo_id", photo_id)
    )
    if class_name is not None:
        request.class_name = arguments.text("class_name", class_name)
    if rating is not None:
        request.rating = arguments.whole("rating", rating, -1, 5)
    fill_columns(request.payload, payload or {})
    return Call("SetPayload", request, lambda response: bool(response.changed))


def status(gallery: str) -> Call[GalleryStatus]:
    """Return the call that asks for a gallery's state."""
    request = gallery_pb2.GetStatusRequest(gallery=arguments.text("gallery", gallery))
    return Call("GetStatus", request, _status)


def fill_columns(message: Any, payload: Mapping[str, Any]) -> None:
    """Write columns into a `Struct`; TypeError and ValueError name the column."""
    for name, value in payload.items():
        try:
            message[arguments.text("payload's column", name)] = value
        except (TypeError, ValueError) as error:
            raise type(error)(
                f"payload[{name!r}] must be a number, a string, a boolean, a list of strings or "
                f"None, not {type(value).__name__}"
            ) from error


def _status(response: gallery_pb2.GetStatusResponse) -> GalleryStatus:
    return GalleryStatus(
        response.gallery,
        response.collection,
        response.model_name,
        response.model_fingerprint,
        response.photos,
        response.pending,
        response.takes_bytes,
    )


def _told(name: str) -> str:
    """Return a file's name as text, with a mark for bytes that are none."""
    return os.fsencode(name).decode("utf-8", "replace")


def _open_nonblocking(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
