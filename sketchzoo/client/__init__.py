"""The Python SDK: `Client("host:port").search("cat.png", classes=["cat"])`.

`AsyncClient` is its asyncio twin; `GalleryClient` and `AsyncGalleryClient` add photos. Results
are frozen values, errors a small hierarchy under `SearchError`, every call has a deadline.
Importing this package loads neither gRPC nor Pillow; using it does.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sketchzoo.client.condition import Range
from sketchzoo.client.errors import (
    DeadlineExceeded,
    Denied,
    InvalidRequest,
    NotFound,
    NotReady,
    Overloaded,
    SearchError,
    TooLarge,
    Unavailable,
    Unsupported,
)
from sketchzoo.client.gallery import AddResult, GalleryStatus, NewPhoto
from sketchzoo.client.places import GeoBoundingBox, GeoPoint, GeoRadius
from sketchzoo.client.query import Query
from sketchzoo.client.results import (
    ClassCounts,
    Embedding,
    Gallery,
    Hit,
    LiveAnswer,
    PhotoFile,
    SearchResult,
    Timings,
)

if TYPE_CHECKING:
    from sketchzoo.client.aio import AsyncClient
    from sketchzoo.client.gallery_aio import AsyncGalleryClient
    from sketchzoo.client.gallery_sync import GalleryClient
    from sketchzoo.client.original import AsyncOriginal, Original
    from sketchzoo.client.sync import Client
    from sketchzoo.rpc.tls import ClientTls
    from sketchzoo.strokes import Stroke, Strokes

_LAZY = {
    "AsyncClient": "sketchzoo.client.aio",
    "AsyncGalleryClient": "sketchzoo.client.gallery_aio",
    "AsyncOriginal": "sketchzoo.client.original",
    "Client": "sketchzoo.client.sync",
    "ClientTls": "sketchzoo.rpc.tls",
    "GalleryClient": "sketchzoo.client.gallery_sync",
    "Original": "sketchzoo.client.original",
    "Stroke": "sketchzoo.strokes",
    "Strokes": "sketchzoo.strokes",
}

__all__ = [
    "AddResult",
    "AsyncClient",
    "AsyncGalleryClient",
    "AsyncOriginal",
    "ClassCounts",
    "Client",
    "ClientTls",
    "DeadlineExceeded",
    "Denied",
    "Embedding",
    "Gallery",
    "GalleryClient",
    "GalleryStatus",
    "GeoBoundingBox",
    "GeoPoint",
    "GeoRadius",
    "Hit",
    "InvalidRequest",
    "LiveAnswer",
    "NewPhoto",
    "NotFound",
    "NotReady",
    "Original",
    "Overloaded",
    "PhotoFile",
    "Query",
    "Range",
    "SearchError",
    "SearchResult",
    "Stroke",
    "Strokes",
    "Timings",
    "TooLarge",
    "Unavailable",
    "Unsupported",
]


def __getattr__(name: str) -> Any:
    """Load what needs gRPC or Pillow when it is asked for."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)
