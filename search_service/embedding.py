"""Embedding queries: strokes drawn, images sent to the encoder, repeated ones not.

A live page asks the same drawing again for each filter and page; an embedding costs ten
times a query. Searches for one picture at one moment share one call to the encoder, which
is cancelled when the last of them is.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from time import perf_counter

import grpc
from cachetools import LRUCache

from search_service.flights import SingleFlight
from search_service.metrics import SearchMetrics
from search_service.request import Picture
from search_service.timings import Timings
from sketchzoo.encoder_client import Embedding, EncoderClient, ImageToEmbed
from sketchzoo.rpc import CallError, invalid
from sketchzoo.strokes import encode as draw

Key = tuple[str, bytes, str]
Outcome = tuple[Embedding, Timings] | CallError

# What an entry takes besides its vector: key, object and the cache's own links.
_ENTRY_BYTES = 600


class Embedder:
    """Turns queries' pictures into embeddings; failures raise `CallError`."""

    def __init__(
        self, encoder: EncoderClient, metrics: SearchMetrics, max_entries: int, max_bytes: int
    ) -> None:
        self._encoder = encoder
        self._metrics = metrics
        self._max_entries = max_entries
        self._kept: LRUCache[Key, Embedding] = LRUCache(
            max_bytes, lambda value: len(value.packed) + _ENTRY_BYTES
        )
        self._flights: SingleFlight[tuple[Key, ...], dict[Key, Outcome]] = SingleFlight()

    async def embed(
        self, pictures: Sequence[Picture], fingerprint: str, timeout_seconds: float
    ) -> list[Outcome]:
        """Embed pictures, equal ones once; `fingerprint` is the model's that is wanted.

        One call to the encoder makes what is not kept; its seconds are shared out evenly. An
        embedding's own fingerprint may differ when the encoder has changed its model.
        """
        keys = [_key(picture, fingerprint) for picture in pictures]
        found: dict[Key, Outcome] = {}
        missing: dict[Key, Picture] = {}
        for key, picture in zip(keys, pictures, strict=True):
            if kept := self._kept.get(key):
                found[key] = kept, Timings(cached=True)
            else:
                missing[key] = picture
        joined = self._flights.under_way(tuple(missing))
        for key in keys:
            self._metrics.cached("hit" if key in found else "joined" if joined else "miss")
        if missing:
            found |= await self._shared(missing, timeout_seconds)
        return [found[key] for key in keys]

    async def _shared(
        self, pictures: Mapping[Key, Picture], timeout_seconds: float
    ) -> dict[Key, Outcome]:
        flight = tuple(pictures)
        until = perf_counter() + timeout_seconds
        while True:
            joined = self._flights.under_way(flight)
            try:
                return await self._flights.run(
                    flight, lambda: self._call(pictures, until - perf_counter())
                )
            except CallError as error:
                # The call that was joined had less time than this one has.
                early = error.code is grpc.StatusCode.DEADLINE_EXCEEDED
                if not (joined and early and until > perf_counter()):
                    raise

    async def _call(
        self, pictures: Mapping[Key, Picture], timeout_seconds: float
    ) -> dict[Key, Outcome]:
        started = perf_counter()
        images = [await _image(picture) for picture in pictures.values()]
        drawn = perf_counter() - started
        embedded = await self._encoder.embed(images, max(0.0, timeout_seconds - drawn))
        count = len(images)
        each = Timings(
            (embedded.decode_seconds + drawn) / count,
            embedded.queue_seconds / count,
            embedded.encode_seconds / count,
        )
        made: dict[Key, Outcome] = {}
        for (key, picture), outcome in zip(pictures.items(), embedded.outcomes, strict=True):
            if isinstance(outcome, CallError):
                made[key] = _named(outcome, picture)
            else:
                self._keep(key, outcome)
                made[key] = outcome, each
        return made

    def _keep(self, key: Key, embedding: Embedding) -> None:
        kind, digest, _ = key
        with suppress(ValueError):  # it alone is too large
            self._kept[kind, digest, embedding.fingerprint] = embedding
        while len(self._kept) > self._max_entries:
            self._kept.popitem()


def _key(picture: Picture, fingerprint: str) -> Key:
    return picture.kind.value, picture.digest, fingerprint


async def _image(picture: Picture) -> ImageToEmbed:
    content = picture.content
    if not isinstance(content, bytes):
        # Thousands of points take tens of milliseconds: not on the event loop.
        content = await asyncio.to_thread(draw, content)
    return ImageToEmbed(content, picture.modality)


def _named(error: CallError, picture: Picture) -> CallError:
    """Name the search's field where the encoder named its own, `images[0].content`."""
    if not error.problem:
        return error
    return invalid(f"query.{picture.kind}", error.problem, reason=error.reason)
