"""Responses: what was found as protobuf messages."""

from collections.abc import Mapping
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from search_service.contents import Classes, Summary
from search_service.query import FOCUSES
from search_service.searching import Found
from search_service.timings import Timings
from sketchzoo.encoder_client import EncoderModel
from sketchzoo.qdrant import DERIVED, Photo
from sketchzoo.rpc.durations import duration
from sketchzoo.search.v1 import search_pb2

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def search_response(found: Found, *, with_payload: bool) -> search_pb2.SearchResponse:
    """Return the answer to a search.

    Its parts are made in place: messages made by themselves and copied cost three times that.
    """
    response = search_pb2.SearchResponse(
        model_fingerprint=found.fingerprint,
        next_page_token=found.next_page_token,
        confident_score=found.confident_score,
    )
    for scored in found.photos:
        hit = response.hits.add()
        fill_hit(hit, scored.id, scored.photo, scored.score, with_payload=with_payload)
        if scored.near_duplicates:
            hit.near_duplicates = scored.near_duplicates
    _fill_timings(response.timings, found.timings)
    if found.embedding is not None:
        embedding = response.query_embedding
        embedding.vector = found.embedding.packed
        embedding.dimension = found.embedding.dimension
        embedding.model_fingerprint = found.embedding.fingerprint
    return response


def fill_hit(
    message: search_pb2.Hit, photo_id: str, photo: Photo, score: float, *, with_payload: bool
) -> None:
    """Write a photo as a hit."""
    message.photo_id = photo_id
    message.class_name = photo.class_name
    message.score = score
    message.uri = photo.uri
    message.width = photo.width
    message.height = photo.height
    message.folder = photo.folder
    message.file_name = photo.file_name
    # Of every hit: a field that is left alone costs nothing.
    if photo.seen is not None:
        message.seen_class = photo.seen.class_name
        message.seen_confidence = photo.seen.confidence
    if photo.taken_at is not None:
        _fill_time(message.taken_at, photo.taken_at)
    if photo.camera:
        message.camera = photo.camera
    if photo.location is not None:
        message.location.lat = photo.location.lat
        message.location.lon = photo.location.lon
    if photo.rating:
        message.rating = photo.rating
    if with_payload:
        payload = photo.to_payload()
        message.payload.update({name: payload[name] for name in payload.keys() - DERIVED})


def classes_response(classes: Classes) -> search_pb2.ListClassesResponse:
    """Return the classes by name."""
    return search_pb2.ListClassesResponse(
        classes=_counts(classes.named), seen_classes=_counts(classes.seen), total=classes.total
    )


def folders_response(counts: Mapping[str, int]) -> search_pb2.ListFoldersResponse:
    """Return the folders by name."""
    return search_pb2.ListFoldersResponse(
        folders=[
            search_pb2.FolderCount(folder=folder, count=count)
            for folder, count in sorted(counts.items())
            if count
        ]
    )


def gallery_response(
    name: str, summary: Summary, model: EncoderModel | None
) -> search_pb2.GetGalleryResponse:
    """Return what a gallery holds, and what its model can be asked, where that is known."""
    focuses = [] if model is None or model.layout is None else model.layout.in_order()
    response = search_pb2.GetGalleryResponse(
        gallery=name,
        model_fingerprint=summary.gallery.fingerprint,
        photos=summary.photos,
        fields=[
            search_pb2.PayloadField(name=field, type=kind)
            for field, kind in sorted(summary.gallery.fields.items())
        ],
        focuses=[FOCUSES[focus] for focus, _ in focuses],
        takes_text=model is not None and bool(model.text),
    )
    if summary.span is not None:
        earliest, latest = summary.span
        _fill_time(response.earliest, earliest)
        _fill_time(response.latest, latest)
    return response


def _counts(counts: Mapping[str, int]) -> list[search_pb2.ClassCount]:
    return [
        search_pb2.ClassCount(class_name=name, count=count)
        for name, count in sorted(counts.items())
        if count
    ]


def _fill_time(message: Timestamp, when: datetime) -> None:
    # A third of what the message's own method takes.
    since = when - _EPOCH
    message.seconds = since.days * 86_400 + since.seconds
    message.nanos = since.microseconds * 1_000


def _fill_timings(message: search_pb2.SearchTimings, timings: Timings) -> None:
    message.cached = timings.cached
    message.decode.CopyFrom(duration(timings.decode))
    message.queue.CopyFrom(duration(timings.queue))
    message.encode.CopyFrom(duration(timings.encode))
    message.query.CopyFrom(duration(timings.query))
    message.total.CopyFrom(duration(timings.total))
