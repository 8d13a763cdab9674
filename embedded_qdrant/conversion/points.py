"""Points: into the engine from messages, and out of it into messages."""

from collections.abc import Iterable
from typing import Any

import qdrant_edge as edge
from qdrant_client import grpc

from embedded_qdrant.conversion import ids, vectors
from embedded_qdrant.conversion.vectors import Dimensions
from embedded_qdrant.errors import engine_errors, wrong_input
from sketchzoo.payload import fill_payload, read_payload

# Repeated fields of messages, whose `add` makes a message in place.
Hits = Any
Groups = Any
Records = Any


def to_engine(message: grpc.PointStruct, dimensions: Dimensions) -> edge.Point:
    """Return the engine's point; INVALID_ARGUMENT where id, vectors or payload are wrong."""
    with engine_errors():
        return edge.Point(
            ids.to_engine(message.id),
            vectors.to_engine(message.vectors, dimensions),
            read_payload(message.payload),
        )


def payload_selector(selector: grpc.WithPayloadSelector) -> "edge.WithPayloadType":
    """Return which payload fields to give back."""
    with engine_errors():
        match selector.WhichOneof("selector_options"):
            case "enable":
                return selector.enable
            case "include":
                return edge.PayloadSelector.Include(list(selector.include.fields))
            case "exclude":
                return edge.PayloadSelector.Exclude(list(selector.exclude.fields))
            case _:
                return False


def vector_selector(
    selector: grpc.WithVectorsSelector, dimensions: Dimensions
) -> "edge.WithVectorType":
    """Return which vectors to give back; INVALID_ARGUMENT names one that does not exist."""
    match selector.WhichOneof("selector_options"):
        case "enable":
            return selector.enable
        case "include":
            names = list(selector.include.names)
            for name in names:
                if name not in dimensions:
                    raise wrong_input(f"Not existing vector name error: {name}")
            return names
        case _:
            return False


def add_hits(result: Hits, hits: Iterable[edge.ScoredPoint]) -> None:
    """Add hits to an answer's `result`."""
    for point in hits:
        message = result.add(score=point.score, version=point.version)
        ids.fill(message.id, point.id)
        fill_payload(message.payload, point.payload)
        vectors.fill(message, point.vector)


def add_groups(
    result: Groups,
    groups: Iterable[tuple[str | int, Iterable[edge.ScoredPoint]]],
    records: Iterable[edge.Record],
) -> None:
    """Add groups to an answer's `groups`; `records` hold what to tell of the hits.

    A hit that was deleted meanwhile is left out, and a group of such hits alone.
    """
    stored = {record.id: record for record in records}
    for key, hits in groups:
        kept = [point for point in hits if point.id in stored]
        if not kept:
            continue
        group = result.add()
        if isinstance(key, str):
            group.id.string_value = key
        elif key < 0:
            group.id.integer_value = key
        else:
            group.id.unsigned_value = key
        for point in kept:
            message = group.hits.add(score=point.score, version=point.version)
            ids.fill(message.id, point.id)
            fill_payload(message.payload, stored[point.id].payload)
            vectors.fill(message, stored[point.id].vector)


def add_records(result: Records, records: Iterable[edge.Record]) -> None:
    """Add stored points to an answer's `result`."""
    for record in records:
        message = result.add()
        ids.fill(message.id, record.id)
        fill_payload(message.payload, record.payload)
        vectors.fill(message, record.vector)
        if isinstance(record.order_value, float):
            message.order_value.float = record.order_value
        elif record.order_value is not None:
            message.order_value.int = record.order_value
