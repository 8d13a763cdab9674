"""The photos in Qdrant: schema, ids, filters, writes and queries.

The only package that builds Qdrant requests. A gallery's photos lie in a collection
`photos-<model fingerprint>`; an alias names the one that search uses.
"""

from sketchzoo.photos.connection import QdrantConnection, connect
from sketchzoo.photos.filter import FieldCondition, Filter
from sketchzoo.photos.photo import RESERVED, Photo, photo_id
from sketchzoo.photos.query import Nearest, ScoredPhoto
from sketchzoo.photos.reader import Gallery, PhotoReader
from sketchzoo.photos.writer import CollectionOptions, PhotoWriter

__all__ = [
    "RESERVED",
    "CollectionOptions",
    "FieldCondition",
    "Filter",
    "Gallery",
    "Nearest",
    "Photo",
    "PhotoReader",
    "PhotoWriter",
    "QdrantConnection",
    "ScoredPhoto",
    "connect",
    "photo_id",
]
