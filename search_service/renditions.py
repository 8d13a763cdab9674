"""Renditions: photos to look at, originals and thumbnails, made in threads and kept."""

import asyncio
import io
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from cachetools import LRUCache
from PIL import Image

from search_service.files import GalleryFiles
from search_service.flights import SingleFlight
from sketchzoo.images import GivenUpError, ImageError, ImageLimits, decode
from sketchzoo.qdrant import Photo
from sketchzoo.rpc import precondition, unavailable

_QUALITY = 85
_ENTRY_BYTES = 500

# Of what may be ingested; what a browser cannot show is a download all the same.
_TYPES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"P", "image/x-portable-anymap"),
)


@dataclass(frozen=True, slots=True)
class Rendition:
    """A photo's file as it is sent."""

    content: bytes = field(repr=False)
    content_type: str


class Renditions:
    """Makes renditions of photos; its threads live while the context is open.

    A thumbnail that nobody waits for any more is given up while it is decoded.
    """

    def __init__(
        self, files: GalleryFiles, limits: ImageLimits, *, threads: int, cache_bytes: int
    ) -> None:
        self._files = files
        self._limits = limits
        self._closing = threading.Event()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="photos")
        self._kept: LRUCache[tuple[str, int], Rendition] = LRUCache(
            cache_bytes, lambda made: len(made.content) + _ENTRY_BYTES
        )
        self._flights: SingleFlight[tuple[str, int], Rendition] = SingleFlight()

    async def of(self, photo: Photo, max_side: int | None) -> Rendition:
        """Return a JPEG of at most `max_side` pixels a side, without it the file as ingested.

        Raises:
            CallError: as `GalleryFiles.read`; FAILED_PRECONDITION, it cannot be decoded.

        """
        if max_side is None:
            loop = asyncio.get_running_loop()
            content = await loop.run_in_executor(self._threads, self._files.read, photo)
            return Rendition(content, _content_type(content))
        key = (photo.sha256, max_side)
        kept = self._kept.get(key)
        return kept or await self._flights.run(key, lambda: self._thumbnail(photo, max_side))

    async def _thumbnail(self, photo: Photo, max_side: int) -> Rendition:
        gone = threading.Event()
        try:
            content = await asyncio.get_running_loop().run_in_executor(
                self._threads, self._shrink, photo, max_side, gone
            )
        finally:
            gone.set()
        made = Rendition(content, "image/jpeg")
        with suppress(ValueError):  # it alone is too large
            self._kept[photo.sha256, max_side] = made
        return made

    def _shrink(self, photo: Photo, max_side: int, gone: threading.Event) -> bytes:
        content = self._files.read(photo)
        try:
            return shrink(
                content, max_side, self._limits, lambda: gone.is_set() or self._closing.is_set()
            )
        except ImageError as error:
            raise precondition("NOT_AN_IMAGE", f"the photo's file {error}: {photo.uri}") from error
        except GivenUpError as error:
            raise unavailable("the search service", "it is closing") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._threads.shutdown(cancel_futures=True)


def shrink(
    content: bytes,
    max_side: int,
    limits: ImageLimits,
    unwanted: Callable[[], bool] | None = None,
) -> bytes:
    """Return an image as a JPEG of at most `max_side` pixels a side, never enlarged.

    Raises:
        ImageError: it cannot be decoded.
        GivenUpError: by `unwanted`, as `decode`.

    """
    image = decode(content, limits, unwanted)
    image.thumbnail((max_side, max_side), Image.Resampling.BICUBIC)
    made = io.BytesIO()
    # Nothing of the file's metadata goes along: it may hold where a photo was taken.
    image.info.clear()
    image.save(made, "JPEG", quality=_QUALITY)
    return made.getvalue()


def _content_type(content: bytes) -> str:
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next(
        (kind for start, kind in _TYPES if content.startswith(start)), "application/octet-stream"
    )
