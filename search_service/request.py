"""Requests: protobuf messages to frozen values, every field checked and named where it is wrong."""

from dataclasses import dataclass

from search_service.query import Query, digest, parse_photo_id, parse_query
from sketchzoo.filter_message import MAX_TEXT, parse_filter
from sketchzoo.qdrant import Filter
from sketchzoo.rpc import invalid
from sketchzoo.search.v1 import search_pb2

DEFAULT_LIMIT = 12
MAX_LIMIT = 1_000
MAX_BATCH = 64
DEFAULT_SIDE = 256
MIN_SIDE = 16
MAX_SIDE = 1_024


@dataclass(frozen=True, slots=True)
class Search:
    """One search, checked as far as it can be without the gallery.

    `identity` is a digest of all that decides which hits come in which order; `offset` is what
    `page_token` says of a gallery. With `collapse`, photos of one burst are one hit.
    """

    gallery: str
    query: Query
    filter: Filter
    limit: int
    min_score: float | None
    exact: bool
    collapse: bool
    identity: bytes
    page_token: str
    with_payload: bool
    with_embedding: bool
    offset: int = 0


@dataclass(frozen=True, slots=True)
class PhotoWanted:
    """Which photo's file, and how large: `max_side` in pixels, None for the original."""

    photo_id: str
    max_side: int | None


def parse_search(message: search_pb2.SearchRequest, gallery: str) -> Search:
    """Check a search of a gallery.

    Raises:
        CallError: INVALID_ARGUMENT, naming the field.

    """
    if message.limit > MAX_LIMIT:
        raise invalid("limit", f"must be 1 to {MAX_LIMIT:,}, or 0 for {DEFAULT_LIMIT}")
    min_score: float | None = None
    if message.HasField("min_score"):
        min_score = message.min_score
        if not 0 <= min_score <= 1:
            raise invalid("min_score", "must be 0 to 1")
    query = parse_query(message.query)
    condition = parse_filter(message.filter, "filter")
    collapse = not message.no_collapse
    parts = (gallery, query, condition, min_score, message.exact, collapse)
    return Search(
        gallery=gallery,
        query=query,
        filter=condition,
        limit=message.limit or DEFAULT_LIMIT,
        min_score=min_score,
        exact=message.exact,
        collapse=collapse,
        identity=digest(repr(parts).encode()),
        page_token=message.page_token,
        with_payload=message.include.payload,
        with_embedding=message.include.query_embedding,
    )


def parse_parent(message: search_pb2.ListFoldersRequest) -> str:
    """Check the folder whose folders are listed; the source's own is empty.

    Raises:
        CallError: INVALID_ARGUMENT, naming the field.

    """
    parent = message.parent.strip("/")
    if len(parent) > MAX_TEXT:
        raise invalid("parent", f"must have at most {MAX_TEXT:,} characters")
    return parent


def parse_photo(message: search_pb2.GetPhotoRequest) -> PhotoWanted:
    """Check what photo is wanted.

    Raises:
        CallError: INVALID_ARGUMENT, naming the field.

    """
    photo_id = parse_photo_id("photo_id", message.photo_id)
    if message.size not in search_pb2.PhotoSize.values():
        raise invalid("size", "must be PHOTO_SIZE_THUMBNAIL or PHOTO_SIZE_ORIGINAL")
    if message.max_side and not MIN_SIDE <= message.max_side <= MAX_SIDE:
        raise invalid(
            "max_side", f"must be {MIN_SIDE} to {MAX_SIDE:,} pixels, or 0 for {DEFAULT_SIDE}"
        )
    if message.size == search_pb2.PHOTO_SIZE_ORIGINAL:
        return PhotoWanted(photo_id, None)
    return PhotoWanted(photo_id, message.max_side or DEFAULT_SIDE)
