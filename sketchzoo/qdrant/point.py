"""Points that Qdrant answered, read as photos; one that ingest did not write is named."""

from qdrant_client import grpc as api

from sketchzoo.payload import Fields, read_payload
from sketchzoo.qdrant.errors import foreign_point
from sketchzoo.qdrant.photo import Photo
from sketchzoo.qdrant.query import ScoredPhoto


def scored(collection: str, point: api.ScoredPoint, payload: Fields | None = None) -> ScoredPhoto:
    """Return a hit; `payload` is its point's, where the answer itself is without."""
    photo = _read(collection, point, payload)
    # Rounding may carry a cosine past 1.
    score = min(1.0, max(0.0, (1 + point.score) / 2))
    return ScoredPhoto(id_of(point), photo, score)


def stored(collection: str, point: api.RetrievedPoint) -> Photo:
    """Return a photo that was asked for by id, or by going through all."""
    photo = _read(collection, point)
    if photo.id != id_of(point):
        raise foreign_point(collection, id_of(point), f"its sha256 is that of {photo.id}")
    return photo


def vector(point: api.RetrievedPoint) -> list[float]:
    """Return a point's embedding."""
    found = point.vectors.vector
    # Servers before 1.16 fill `data` alone.
    return list(found.dense.data or found.data)


def _read(
    collection: str, point: api.ScoredPoint | api.RetrievedPoint, payload: Fields | None = None
) -> Photo:
    try:
        return Photo.from_payload(read_payload(point.payload if payload is None else payload))
    except ValueError as error:
        raise foreign_point(collection, id_of(point), error) from error


def id_of(point: api.ScoredPoint | api.RetrievedPoint) -> str:
    """Return a point's id."""
    return point.id.uuid or str(point.id.num)
