"""Answers: the contract's messages as the values that users get."""

import struct
from typing import Any

from google.protobuf.json_format import MessageToDict

from sketchzoo.client.results import Embedding, Hit, PhotoFile, SearchResult, Timings
from sketchzoo.rpc.durations import seconds
from sketchzoo.search.v1 import search_pb2


def result(response: search_pb2.SearchResponse) -> SearchResult:
    """Read a search's answer."""
    timings = response.timings
    embedding = None
    if response.HasField("query_embedding"):
        packed = response.query_embedding
        vector = struct.unpack(f"<{packed.dimension}f", packed.vector)
        embedding = Embedding(vector, packed.model_fingerprint)
    return SearchResult(
        hits=tuple(_hit(hit) for hit in response.hits),
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


def counts(response: search_pb2.ListClassesResponse) -> dict[str, int]:
    """Read the photos that each class has."""
    return {each.class_name: each.count for each in response.classes}


def photo(response: search_pb2.GetPhotoResponse) -> PhotoFile:
    """Read a photo."""
    return PhotoFile(response.content, response.content_type, _hit(response.photo))


def _hit(hit: search_pb2.Hit) -> Hit:
    return Hit(
        photo_id=hit.photo_id,
        class_name=hit.class_name,
        score=hit.score,
        uri=hit.uri,
        width=hit.width,
        height=hit.height,
        payload=_plain(MessageToDict(hit.payload)) if hit.HasField("payload") else {},
    )


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
