"""Requests: messages to frozen values, refused where they make no sense."""

import math
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf import struct_pb2

from sketchzoo import gallery_names
from sketchzoo.class_names import ClassNameError, class_name
from sketchzoo.filter_message import parse_filter
from sketchzoo.gallery.v1 import gallery_pb2
from sketchzoo.qdrant import RESERVED, Filter
from sketchzoo.rpc import invalid
from sketchzoo.rpc.access import check_gallery

MAX_IDS = 1_000
_MAX_COLUMNS = 64
_MAX_TEXT = 8 * 1024
_MAX_NAME = 255
_MAX_FOLDER = 1_024
_MAX_URI = 8 * 1024
# As filters name it: in Qdrant a dot or a bracket is a path.
_COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://.", re.IGNORECASE)
_EXACT = 2**53

Columns = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NewPhoto:
    """A photo to add, as its header tells of it: `size` bytes that follow, or a `uri`."""

    sequence: int
    size: int | None
    uri: str
    file_name: str
    folder: str
    class_name: str
    columns: Columns


@dataclass(frozen=True, slots=True)
class PayloadChange:
    """What is to be written of a photo.

    None leaves class and rating as they are, and takes one of the `columns` away.
    """

    photo_id: str
    class_name: str | None
    rating: int | None
    columns: Columns


def parse_gallery(name: str, own: str) -> str:
    """Return the gallery that a request names, `own` where it names none.

    Raises:
        CallError: INVALID_ARGUMENT; PERMISSION_DENIED where the caller's token is not good for it.

    """
    if name and not gallery_names.is_gallery_name(name):
        raise invalid("gallery", f"must be {gallery_names.RIGHT}")
    gallery = name or own
    check_gallery(gallery)
    return gallery


def parse_header(message: gallery_pb2.PhotoHeader, max_bytes: int) -> NewPhoto:
    """Check a photo's header; raises `CallError` INVALID_ARGUMENT, naming the field."""
    size: int | None = None
    match message.WhichOneof("source"):
        case "size_bytes":
            size = message.size_bytes
            if not 1 <= size <= max_bytes:
                raise invalid(
                    "photo.size_bytes", f"must be 1 to {max_bytes} (max_bytes), not {size}"
                )
        case "uri":
            if len(message.uri) > _MAX_URI or not _SCHEME.match(message.uri):
                raise invalid("photo.uri", "must look like https://, s3://, gs:// or file://...")
        case _:
            raise invalid("photo", "must have size_bytes or uri")
    return NewPhoto(
        sequence=message.sequence,
        size=size,
        uri=message.uri,
        file_name=_file_name(message.file_name),
        folder=_folder(message.folder),
        class_name=_class(message.class_name, "photo.class_name"),
        columns=_columns(message.payload, "photo.payload", with_nulls=False),
    )


def parse_selection(message: gallery_pb2.DeletePhotosRequest) -> tuple[str, ...] | Filter:
    """Return which photos to delete: ids, or a filter that is not empty."""
    match message.WhichOneof("selection"):
        case "ids":
            ids = message.ids.photo_ids
            if not 1 <= len(ids) <= MAX_IDS:
                raise invalid("ids.photo_ids", f"must be 1 to {MAX_IDS:,} ids")
            return tuple(_id(each, f"ids.photo_ids[{n}]") for n, each in enumerate(ids))
        case "filter":
            wanted = parse_filter(message.filter, "filter")
            if wanted == Filter():
                raise invalid(
                    "filter", "must ask for something: an empty one would delete the whole gallery"
                )
            return wanted
        case _:
            raise invalid("selection", "must be ids or filter")


def parse_change(message: gallery_pb2.SetPayloadRequest) -> PayloadChange:
    """Check what is to be written of a photo."""
    rating = message.rating if message.HasField("rating") else None
    if rating is not None and not -1 <= rating <= 5:  # noqa: PLR2004 - stated in the message
        raise invalid("rating", f"must be -1 to 5, not {rating}")
    change = PayloadChange(
        photo_id=_id(message.photo_id, "photo_id"),
        class_name=_class(message.class_name, "class_name")
        if message.HasField("class_name")
        else None,
        rating=rating,
        columns=_columns(message.payload, "payload", with_nulls=True),
    )
    if change.class_name is None and rating is None and not change.columns:
        raise invalid("payload", "must change something: give class_name, rating or payload")
    return change


def _id(text: str, path: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        raise invalid(path, f"must be a photo's id, a UUID, not {text[:80]!r}") from error


def _class(text: str, path: str) -> str:
    if not text:
        return ""
    try:
        return class_name(text)
    except ClassNameError as error:
        raise invalid(path, str(error)) from error


def _file_name(text: str) -> str:
    if len(text) > _MAX_NAME or _CONTROL.search(text) or "/" in text or "\\" in text:
        raise invalid("photo.file_name", f"must be a name of at most {_MAX_NAME} characters")
    return text


def _folder(text: str) -> str:
    folder = text.replace("\\", "/").strip("/")
    parts = folder.split("/") if folder else []
    if len(folder) > _MAX_FOLDER or _CONTROL.search(folder) or {"", ".", ".."} & set(parts):
        raise invalid(
            "photo.folder",
            f"must be names with / between, for instance 2024/summer, of at most {_MAX_FOLDER:,} "
            "characters",
        )
    return folder


def _columns(message: struct_pb2.Struct, path: str, *, with_nulls: bool) -> Columns:
    if len(message.fields) > _MAX_COLUMNS:
        raise invalid(path, f"must have at most {_MAX_COLUMNS} columns")
    columns = {}
    for name in sorted(message.fields):
        value = _plain(message.fields[name])
        where = f"{path}.{name}"
        if name in RESERVED:
            raise invalid(where, "has the name of a field with a meaning of its own: call it else")
        if not _COLUMN.fullmatch(name):
            raise invalid(where, "must be named with letters, digits, _ and -, at most 64")
        if value is None and not with_nulls:
            continue
        columns[name] = _value(value, where)
    return columns


def _plain(value: struct_pb2.Value) -> Any:
    match value.WhichOneof("kind"):
        case None | "null_value":
            return None
        case "list_value":
            return [_plain(each) for each in value.list_value.values]
        case kind:
            return getattr(value, kind)


def _value(value: Any, path: str) -> Any:
    match value:
        case None | bool():
            return value
        case float() | int():
            if not math.isfinite(value):
                raise invalid(path, "must be a finite number")
            # The message knows floats alone; whole ones are filtered as integers are.
            return int(value) if float(value).is_integer() and abs(value) < _EXACT else value
        case str() if len(value) <= _MAX_TEXT:
            return value
        case list() if len(value) <= _MAX_COLUMNS and all(
            isinstance(each, str) and len(each) <= _MAX_TEXT for each in value
        ):
            return value
        case _:
            raise invalid(
                path,
                f"must be a number, a boolean, a string of at most {_MAX_TEXT:,} characters, or a "
                f"list of at most {_MAX_COLUMNS} of these",
            )
