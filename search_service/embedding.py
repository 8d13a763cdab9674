"""Embedding queries: strokes drawn, images sent to the encoder, repeated ones not."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from time import perf_counter

import grpc
from cachetools import LRUCache
from google.rpc import error_details_pb2

from search_service.encoder import Embedding, EncoderClient, ImageToEmbed
from search_service.flights import SingleFlight
from search_service.metrics import SearchMetrics
from search_service.request import ImageSource, StrokesSource
from search_service.timings import Timings
from sketchzoo.images import Modality
from sketchzoo.rpc import CallError, invalid
from sketchzoo.strokes import encode as draw

Picture = ImageSource | StrokesSource
Key = tuple[str, bytes, str]

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
        self._flights: SingleFlight[Key, tuple[Embedding, Timings]] = SingleFlight()

    async def one(
        self, picture: Picture, fingerprint: str, timeout_seconds: float
    ) -> tuple[Embedding, Timings]:
        """Embed a picture; `fingerprint` is the model's whose embedding is wanted.

        The embedding's own fingerprint may differ when the encoder has changed its model.
        """
        key = _key(picture, fingerprint)
        if kept := self._kept.get(key):
            self._metrics.cached("hit")
            return kept, Timings(cached=True)
        until = perf_counter() + timeout_seconds
        joined = self._flights.under_way(key)
        self._metrics.cached("joined" if joined else "miss")
        while True:
            try:
                return await self._flights.run(
                    key, lambda: self._embed(picture, until - perf_counter())
                )
            except CallError as error:
                # The call that was joined had less time than this one has.
                early = error.code is grpc.StatusCode.DEADLINE_EXCEEDED
                if not (joined and early and until > perf_counter()):
                    raise
                joined = self._flights.under_way(key)

    async def many(
        self, pictures: Sequence[Picture], fingerprint: str, timeout_seconds: float
    ) -> list[tuple[Embedding, Timings] | CallError]:
        """Embed several pictures in one call to the encoder, equal ones once.

        The timings of the call are shared out evenly among the pictures it embedded.
        """
        found: dict[Key, tuple[Embedding, Timings] | CallError] = {}
        missing: dict[Key, Picture] = {}
        for picture in pictures:
            key = _key(picture, fingerprint)
            if kept := self._kept.get(key):
                found[key] = kept, Timings(cached=True)
            else:
                missing.setdefault(key, picture)
            self._metrics.cached("hit" if kept else "miss")
        if missing:
            started = perf_counter()
            images = [await _image(picture) for picture in missing.values()]
            drawn = perf_counter() - started
            embedded = await self._encoder.embed(images, timeout_seconds - drawn)
            spent = embedded.timings
            each = Timings(
                decode=(spent.decode + drawn) / len(missing),
                queue=spent.queue / len(missing),
                encode=spent.encode / len(missing),
            )
            for (key, picture), outcome in zip(missing.items(), embedded.outcomes, strict=True):
                if isinstance(outcome, CallError):
                    found[key] = _named(outcome, picture)
                else:
                    self._keep(key, outcome)
                    found[key] = outcome, each
        return [found[_key(picture, fingerprint)] for picture in pictures]

    async def _embed(self, picture: Picture, timeout_seconds: float) -> tuple[Embedding, Timings]:
        started = perf_counter()
        image = await _image(picture)
        drawn = perf_counter() - started
        try:
            embedded = await self._encoder.embed([image], max(0.0, timeout_seconds - drawn))
        except CallError as error:
            raise _named(error, picture) from error
        (outcome,) = embedded.outcomes
        if isinstance(outcome, CallError):
            raise _named(outcome, picture)
        self._keep(_key(picture, outcome.fingerprint), outcome)
        return outcome, replace(embedded.timings, decode=embedded.timings.decode + drawn)

    def _keep(self, key: Key, embedding: Embedding) -> None:
        kind, digest, _ = key
        with suppress(ValueError):  # it alone is too large
            self._kept[kind, digest, embedding.fingerprint] = embedding
        while len(self._kept) > self._max_entries:
            self._kept.popitem()


def _key(picture: Picture, fingerprint: str) -> Key:
    return picture.kind.value, picture.digest, fingerprint


async def _image(picture: Picture) -> ImageToEmbed:
    if isinstance(picture, ImageSource):
        return ImageToEmbed(picture.content, picture.modality)
    # Thousands of points take tens of milliseconds: not on the event loop.
    return ImageToEmbed(await asyncio.to_thread(draw, picture.drawing), Modality.SKETCH)


def _named(error: CallError, picture: Picture) -> CallError:
    """Name the search's field where the encoder named its own, `images[0].content`."""
    problem = reason = ""
    for detail in error.details:
        if isinstance(detail, error_details_pb2.BadRequest) and detail.field_violations:
            problem = detail.field_violations[0].description
        elif isinstance(detail, error_details_pb2.ErrorInfo):
            reason = detail.reason
    return invalid(f"query.{picture.kind}", problem, reason=reason) if problem else error
