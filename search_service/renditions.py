"""Renditions: photos to look at, originals and thumbnails, made in threads and kept."""

import asyncio
import io
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

from cachetools import LRUCache
from PIL import Image

from search_service.flights import SingleFlight
from search_service.metrics import SearchMetrics
from search_service.originals import Originals
from search_service.outcomes import attempt, attempt_later
from search_service.room import Room
from search_service.thumbnails import ThumbnailFolder
from sketchzoo.images import GivenUpError, ImageError, ImageLimits, decode
from sketchzoo.qdrant import Photo
from sketchzoo.rpc import CallError, precondition, unavailable

P = ParamSpec("P")
T = TypeVar("T")

_QUALITY = 85
_ENTRY_BYTES = 500

# Of what may be ingested; what a browser cannot show is a download all the same.
_TYPES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"P", "image/x-portable-anymap"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
)
# The brands of files of ISO's base media format.
_BRANDS = {
    **dict.fromkeys((b"avif", b"avis"), "image/avif"),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"), "image/heic"),
    **dict.fromkeys((b"mif1", b"msf1"), "image/heif"),
}


@dataclass(frozen=True, slots=True)
class Rendition:
    """A photo's file as it is sent."""

    content: bytes = field(repr=False)
    content_type: str


@dataclass(frozen=True, slots=True)
class RenditionLimits:
    """How photos are read and kept, in bytes and threads.

    An original of at most `original_bytes` is sent; `room_bytes` of files are in memory at once.
    """

    original_bytes: int
    room_bytes: int
    cache_bytes: int
    threads: int
    fetch_threads: int = 1


class Renditions:
    """Makes renditions of photos; its threads live while the context is open.

    A thumbnail that nobody waits for any more is given up while it is decoded.
    """

    def __init__(
        self,
        originals: Originals,
        images: ImageLimits,
        limits: RenditionLimits,
        metrics: SearchMetrics,
        folder: ThumbnailFolder | None = None,
    ) -> None:
        self._originals = originals
        self._images = images
        self._limits = limits
        self._metrics = metrics
        self._folder = folder
        self._closing = threading.Event()
        self._threads = ThreadPoolExecutor(limits.threads, thread_name_prefix="photos")
        # What waits for others' answers keeps nobody from what lies here.
        self._fetching = ThreadPoolExecutor(limits.fetch_threads, thread_name_prefix="fetches")
        self._room = Room(limits.room_bytes)
        self._kept: LRUCache[tuple[str, int], Rendition] = LRUCache(
            limits.cache_bytes, lambda made: len(made.content) + _ENTRY_BYTES
        )
        # By where the file lies, too: a copy may be there where another has gone.
        self._flights: SingleFlight[tuple[str, str, int], Rendition | CallError] = SingleFlight()

    async def of(self, photo: Photo, max_side: int | None) -> Rendition:
        """Return a JPEG of at most `max_side` pixels a side, without it the file as ingested.

        Raises:
            CallError: as `Originals.read`; FAILED_PRECONDITION, it cannot be decoded.

        """
        if max_side is None:
            async with self._read(photo, self._limits.original_bytes) as content:
                return Rendition(content, content_type(content))
        key = (photo.sha256, max_side)
        kept = self._kept.get(key)
        if kept is not None:
            self._metrics.thumbnail("memory")
            return kept
        flight = (photo.uri, *key)
        return _unwrapped([await self._flights.run(flight, lambda: self._outcome(photo, max_side))])

    async def _outcome(self, photo: Photo, max_side: int) -> Rendition | CallError:
        outcome = await attempt_later(self._thumbnail, photo, max_side)
        if isinstance(outcome, CallError):
            outcome = outcome.again()
        return outcome

    async def _thumbnail(self, photo: Photo, max_side: int) -> Rendition:
        content = None
        if self._folder is not None:
            content = await self._run(
                self._threads, threading.Event(), self._on_disk, photo, max_side
            )
        if content is None:
            content = await self._made(photo, max_side)
            self._metrics.thumbnail("made")
        else:
            self._metrics.thumbnail("disk")
        made = Rendition(content, "image/jpeg")
        with suppress(ValueError):  # it alone is too large
            self._kept[photo.sha256, max_side] = made
        return made

    async def _made(self, photo: Photo, max_side: int) -> bytes:
        gone = threading.Event()
        async with self._read(photo, self._images.max_bytes) as content:
            return await self._run(
                self._threads, gone, self._shrink, photo, content, max_side, gone
            )

    @asynccontextmanager
    async def _read(self, photo: Photo, most: int) -> AsyncIterator[bytes]:
        """Have a photo's file in memory while the context is open."""
        pool = self._threads if self._originals.is_near(photo) else self._fetching
        # What it had when it was ingested; one that has grown since is another's.
        size = min(photo.bytes or most, most)
        async with self._room.hold(size):
            yield await self._run(pool, threading.Event(), self._originals.read, photo, most)

    def _on_disk(self, photo: Photo, max_side: int) -> bytes | None:
        self._originals.check(photo)
        return None if self._folder is None else self._folder.get(photo.sha256, max_side)

    def _shrink(self, photo: Photo, content: bytes, max_side: int, gone: threading.Event) -> bytes:
        try:
            made = shrink(
                content, max_side, self._images, lambda: gone.is_set() or self._closing.is_set()
            )
        except ImageError as error:
            raise precondition("NOT_AN_IMAGE", f"the photo's file {error}: {photo.uri}") from error
        except GivenUpError as error:
            raise unavailable("the search service", "it is closing") from error
        if self._folder is not None:
            self._folder.put(photo.sha256, max_side, made)
        return made

    async def _run(
        self,
        pool: ThreadPoolExecutor,
        gone: threading.Event,
        work: Callable[P, T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Do work in a thread; one who leaves sets `gone`, and stays until what has begun ends.

        So long its file is in memory, and holds its room.
        """
        running = pool.submit(partial(_attempt_apart, work, *args, **kwargs))
        try:
            return _unwrapped([await asyncio.wrap_future(running)])
        except asyncio.CancelledError:
            gone.set()
            if not running.done():
                await asyncio.wait([asyncio.wrap_future(running)])
            raise
        finally:
            del running  # it has the error, whose frames would have it

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._fetching.shutdown(cancel_futures=True)
        self._threads.shutdown(cancel_futures=True)


# An error that was raised holds, by the frames that it came through, the file that they worked on;
# and whatever names it in one of them keeps all that until cycles are collected, which may be long.


def _attempt_apart(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | CallError:
    """Return what `work` returns, or its `CallError` without the frames that it came through."""
    outcome = attempt(work, *args, **kwargs)
    if isinstance(outcome, CallError):
        outcome = outcome.again()
    return outcome


def _unwrapped(outcomes: list[T | CallError]) -> T:
    """Return the value of the one outcome, or raise its error; no frame names it any more."""
    if isinstance(outcomes[0], CallError):
        raise outcomes.pop()  # type: ignore[misc] # as just seen
    (value,) = outcomes
    return value  # type: ignore[return-value] # as just seen


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
    # The longer side has half as many again in most photos, which hides the reduced scale.
    image = decode(content, limits, unwanted, enough=max_side)
    image.thumbnail((max_side, max_side), Image.Resampling.BICUBIC)
    made = io.BytesIO()
    # Nothing of the file's metadata goes along: it may hold where a photo was taken.
    image.info.clear()
    image.save(made, "JPEG", quality=_QUALITY)
    return made.getvalue()


def content_type(content: bytes) -> str:
    """Return an image file's media type, by its first bytes."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    if content[4:8] == b"ftyp":
        return _BRANDS.get(content[8:12], "application/octet-stream")
    return next(
        (kind for start, kind in _TYPES if content.startswith(start)), "application/octet-stream"
    )
