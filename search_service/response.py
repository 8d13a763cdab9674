"""Responses: what was found as protobuf messages."""

from collections.abc import Mapping

from search_service.searching import Found
from search_service.timings import Timings
from sketchzoo.qdrant import Photo
from sketchzoo.rpc.durations import duration
from sketchzoo.search.v1 import search_pb2


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
        fill_hit(
            response.hits.add(), scored.id, scored.photo, scored.score, with_payload=with_payload
        )
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
    if with_payload:
        message.payload.update(photo.to_payload())


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


def _fill_timings(message: search_pb2.SearchTimings, timings: Timings) -> None:
    message.cached = timings.cached
    message.decode.CopyFrom(duration(timings.decode))
    message.queue.CopyFrom(duration(timings.queue))
    message.encode.CopyFrom(duration(timings.encode))
    message.query.CopyFrom(duration(timings.query))
    message.total.CopyFrom(duration(timings.total))
