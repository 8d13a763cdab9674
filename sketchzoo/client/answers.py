"""Answers: the contract's messages as the values that users get."""

import struct
from datetime import UTC, datetime
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.timestamp_pb2 import Timestamp

from sketchzoo.client.places import GeoPoint
from sketchzoo.client.results import (
    ClassCounts,
    Embedding,
    Gallery,
    Hit,
    PhotoFile,
    SearchResult,
    Timings,
)
from sketchzoo.rpc.durations import seconds
from sketchzoo.search.v1 import search_pb2

# One that a later release has cannot be asked for by this one.
_FOCUSES = frozenset(search_pb2.Focus.values())


def result(response: search_pb2.SearchResponse) -> SearchResult:
    """Read a search's answer."""
    timings = response.timings
    embedding = None
    if response.HasField("query_embedding"):
        packed = response.query_embedding
        vector = struct.unpack(f"<{packed.dimension}f", packed.vector)
        embedding = Embedding(vector, packed.model_fingerprint)
    return SearchResult(
        hits=tuple(hit(each) for each in response.hits),
        model_fingerprint=response.model_fingerprint,
        next_page_token=response.next_page_token,
        timings=Timings(
            decode=seconds(timings.decode),
            queue=seconds(timings.queue),
            encode=seconds(timings.encode),
            query=seconds(timings.query),
            total=seconds(timings.total),
            cached=timings.cached,
        ),
        confident_score=response.confident_score,
        query_embedding=embedding,
    )


def classes(response: search_pb2.ListClassesResponse) -> ClassCounts:
    """Read the photos that each class has."""
    return ClassCounts(
        {each.class_name: each.count for each in response.classes},
        {each.class_name: each.count for each in response.seen_classes},
        response.total,
    )


def named_classes(response: search_pb2.ListClassesResponse) -> dict[str, int]:
    """Read the photos that each class has that people named."""
    return dict(classes(response).named)


def folders(response: search_pb2.ListFoldersResponse) -> dict[str, int]:
    """Read the photos in and below each folder."""
    return {each.folder: each.count for each in response.folders}


def gallery(response: search_pb2.GetGalleryResponse) -> Gallery:
    """Read what a gallery holds."""
    return Gallery(
        name=response.gallery,
        model_fingerprint=response.model_fingerprint,
        photos=response.photos,
        earliest=_time(response.earliest) if response.HasField("earliest") else None,
        latest=_time(response.latest) if response.HasField("latest") else None,
        fields={each.name: each.type for each in response.fields},
        focuses=tuple(
            search_pb2.Focus.Name(each).removeprefix("FOCUS_").lower()
            for each in response.focuses
            if each in _FOCUSES
        ),
        takes_text=response.takes_text,
    )


def galleries(response: search_pb2.ListGalleriesResponse) -> list[str]:
    """Read the galleries' names."""
    return list(response.galleries)


def photo(response: search_pb2.GetPhotoResponse) -> PhotoFile:
    """Read a photo."""
    return PhotoFile(response.content, response.content_type, hit(response.photo))


def hit(message: search_pb2.Hit) -> Hit:
    """Read what is known of a photo."""
    return Hit(
        photo_id=message.photo_id,
        class_name=message.class_name,
        score=message.score,
        uri=message.uri,
        width=message.width,
        height=message.height,
        payload=_plain(MessageToDict(message.payload)) if message.HasField("payload") else {},
        near_duplicates=message.near_duplicates,
        seen_class=message.seen_class,
        seen_confidence=message.seen_confidence,
        folder=message.folder,
        file_name=message.file_name,
        taken_at=_time(message.taken_at) if message.HasField("taken_at") else None,
        camera=message.camera,
        location=GeoPoint(message.location.lat, message.location.lon)
        if message.HasField("location")
        else None,
        rating=message.rating,
    )


def _time(message: Timestamp) -> datetime:
    return message.ToDatetime(UTC)


def _plain(value: Any) -> Any:
    """Return a payload with whole numbers as int: a Struct knows floats alone."""
    match value:
        case dict():
            return {key: _plain(inner) for key, inner in value.items()}
        case list():
            return [_plain(inner) for inner in value]
        case float() if value.is_integer():
            return int(value)
        case _:
            return value
