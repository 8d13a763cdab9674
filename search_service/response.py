"""Responses: what was found as protobuf messages."""

from collections.abc import Mapping
from typing import Any

from google.protobuf.duration_pb2 import Duration

from search_service.searching import Found
from search_service.timings import Timings
from sketchzoo.photos import Photo
from sketchzoo.search.v1 import search_pb2


def search_response(found: Found, *, with_payload: bool) -> search_pb2.SearchResponse:
    """Return the answer to a search."""
    response = search_pb2.SearchResponse(
        hits=[
            hit(scored.id, scored.photo, scored.score, with_payload=with_payload)
            for scored in found.photos
        ],
        model_fingerprint=found.fingerprint,
        next_page_token=found.next_page_token,
        timings=_timings(found.timings),
        confident_score=found.confident_score,
    )
    if found.embedding is not None:
        response.query_embedding.CopyFrom(
            search_pb2.Embedding(
                vector=found.embedding.packed,
                dimension=found.embedding.dimension,
                model_fingerprint=found.embedding.fingerprint,
            )
        )
    return response


def hit(photo_id: str, photo: Photo, score: float, *, with_payload: bool) -> search_pb2.Hit:
    """Return a photo as a hit."""
    message = search_pb2.Hit(
        photo_id=photo_id,
        class_name=photo.class_name,
        score=score,
        uri=photo.uri,
        width=photo.width,
        height=photo.height,
    )
    if with_payload:
        message.payload.update(photo.to_payload())
    return message


def classes_response(counts: Mapping[str, int]) -> search_pb2.ListClassesResponse:
    """Return the classes by name."""
    return search_pb2.ListClassesResponse(
        classes=[
            search_pb2.ClassCount(class_name=name, count=count)
            for name, count in sorted(counts.items())
            if count
        ],
        total=sum(counts.values()),
    )


def _timings(timings: Timings) -> search_pb2.SearchTimings:
    stages: dict[str, Any] = {
        name: _duration(getattr(timings, name))
        for name in ("decode", "queue", "encode", "query", "total")
    }
    return search_pb2.SearchTimings(cached=timings.cached, **stages)


def _duration(seconds: float) -> Duration:
    nanos = round(seconds * 1e9)
    return Duration(seconds=nanos // 1_000_000_000, nanos=nanos % 1_000_000_000)
