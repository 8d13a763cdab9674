"""The Qdrant adapter: photos as points, their ids, filters, writes and queries.

The only package that asks Qdrant anything. A gallery's photos lie in a collection
`<gallery>-<model fingerprint>`; the alias `<gallery>` names the one that search uses.
"""

from sketchzoo.qdrant.collection_options import CollectionOptions
from sketchzoo.qdrant.connection import QdrantConnection, connect
from sketchzoo.qdrant.errors import (
    CollectionExistsError,
    CollectionNotFoundError,
    PhotoNotFoundError,
)
from sketchzoo.qdrant.filter import (
    AnyOf,
    FieldCondition,
    Filter,
    GeoBoundingBox,
    GeoRadius,
    Range,
)
from sketchzoo.qdrant.gallery import Gallery, list_galleries
from sketchzoo.qdrant.photo import DERIVED, NAMED, RESERVED, GeoPoint, Photo, photo_id
from sketchzoo.qdrant.query import Nearest, ScoredPhoto, SearchParams
from sketchzoo.qdrant.reader import PhotoReader
from sketchzoo.qdrant.writer import PhotoWriter
from sketchzoo.seen import SeenClass

__all__ = [
    "DERIVED",
    "NAMED",
    "RESERVED",
    "AnyOf",
    "CollectionExistsError",
    "CollectionNotFoundError",
    "CollectionOptions",
    "FieldCondition",
    "Filter",
    "Gallery",
    "GeoBoundingBox",
    "GeoPoint",
    "GeoRadius",
    "Nearest",
    "Photo",
    "PhotoNotFoundError",
    "PhotoReader",
    "PhotoWriter",
    "QdrantConnection",
    "Range",
    "ScoredPhoto",
    "SearchParams",
    "SeenClass",
    "connect",
    "list_galleries",
    "photo_id",
]
