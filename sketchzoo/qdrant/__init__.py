"""The Qdrant adapter: photos as points, their ids, filters, writes and queries.

The only package that asks Qdrant anything. A gallery's photos lie in a collection
`photos-<model fingerprint>`; an alias names the one that search uses.
"""

from sketchzoo.qdrant.connection import QdrantConnection, connect
from sketchzoo.qdrant.errors import (
    CollectionExistsError,
    CollectionNotFoundError,
    PhotoNotFoundError,
)
from sketchzoo.qdrant.filter import FieldCondition, Filter
from sketchzoo.qdrant.photo import RESERVED, Photo, photo_id
from sketchzoo.qdrant.query import Nearest, ScoredPhoto
from sketchzoo.qdrant.reader import Gallery, PhotoReader
from sketchzoo.qdrant.writer import CollectionOptions, PhotoWriter

__all__ = [
    "RESERVED",
    "CollectionExistsError",
    "CollectionNotFoundError",
    "CollectionOptions",
    "FieldCondition",
    "Filter",
    "Gallery",
    "Nearest",
    "Photo",
    "PhotoNotFoundError",
    "PhotoReader",
    "PhotoWriter",
    "QdrantConnection",
    "ScoredPhoto",
    "connect",
    "photo_id",
]
