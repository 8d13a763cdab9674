"""Embedding queries: strokes drawn, images and texts sent to the encoder, repeated ones not.

A live page asks the same drawing again for each filter and page; an embedding costs ten
times a query, whatever its focus. Searches for one picture at one moment share one call to the
encoder, which is cancelled when the last of them is.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from time import perf_counter

import grpc
from cachetools import LRUCache

from search_service.encoders import Serving
from search_service.flights import SingleFlight
from search_service.metrics import SearchMetrics
from search_service.query import Picture, Text
from search_service.timings import Timings
from sketchzoo.encoder_client import MOST, Embedding, EncoderClient, EncoderModel, ImageToEmbed
from sketchzoo.rpc import CallError, invalid, unimplemented
from sketchzoo.strokes import encode as draw

Key = tuple[str, bytes, str, str]
"""Kind, digest, the model's fingerprint, and of a text its tower's."""
Outcome = tuple[Embedding, Timings] | CallError

# What an entry takes besides its vector: key, object and the cache's own links.
_ENTRY_BYTES = 600


class Embedder:
    """Turns queries' pictures into embeddings; failures raise `CallError`."""

    def __init__(self, metrics: SearchMetrics, max_entries: int, max_bytes: int) -> None:
        self._metrics = metrics
        self._max_entries = max_entries
        self._kept: LRUCache[Key, Embedding] = LRUCache(
            max_bytes, lambda value: len(value.packed) + _ENTRY_BYTES
        )
        self._flights: SingleFlight[tuple[Key, ...], dict[Key, Outcome]] = SingleFlight()

    async def embed(
        self, wanted: Sequence[Picture | Text], serving: Serving, timeout_seconds: float
    ) -> list[Outcome]:
        """Embed pictures and texts for a gallery, by its encoder, equal ones once.

        One call to the encoder makes what is not kept, several where that is more than one takes;
        its seconds are shared out evenly. An embedding's own fingerprint may differ when the
        encoder has changed its model.
        """
        keys = [_key(each, serving.model) for each in wanted]
        found: dict[Key, Outcome] = {}
        missing: dict[Key, Picture | Text] = {}
        for key, each in zip(keys, wanted, strict=True):
            if kept := self._kept.get(key):
                found[key] = kept, Timings(cached=True)
            else:
                missing[key] = each
        joined = self._flights.under_way(tuple(missing))
        for key in keys:
            self._metrics.cached("hit" if key in found else "joined" if joined else "miss")
        if missing:
            found |= await self._shared(serving.encoder, missing, timeout_seconds)
        return [found[key] for key in keys]

    async def _shared(
        self,
        encoder: EncoderClient,
        wanted: Mapping[Key, Picture | Text],
        timeout_seconds: float,
    ) -> dict[Key, Outcome]:
        flight = tuple(wanted)
        until = perf_counter() + timeout_seconds
        while True:
            joined = self._flights.under_way(flight)
            try:
                return await self._flights.run(flight, lambda: self._calls(encoder, wanted, until))
            except CallError as error:
                # The call that was joined had less time than this one has.
                early = error.code is grpc.StatusCode.DEADLINE_EXCEEDED
                if not (joined and early and until > perf_counter()):
                    raise

    async def _calls(
        self, encoder: EncoderClient, wanted: Mapping[Key, Picture | Text], until: float
    ) -> dict[Key, Outcome]:
        each = list(wanted.items())
        made: dict[Key, Outcome] = {}
        # One after the other: an encoder lets a single caller fill no more of its queue anyhow.
        for start in range(0, len(each), MOST):
            made |= await self._call(encoder, dict(each[start : start + MOST]), until)
        return made

    async def _call(
        self, encoder: EncoderClient, wanted: Mapping[Key, Picture | Text], until: float
    ) -> dict[Key, Outcome]:
        started = perf_counter()
        pictures = {key: each for key, each in wanted.items() if isinstance(each, Picture)}
        texts = {key: each.content for key, each in wanted.items() if isinstance(each, Text)}
        images = [await _image(picture) for picture in pictures.values()]
        drawn = perf_counter() - started
        remaining = max(0.0, until - perf_counter())
        embedded = await encoder.embed(images, remaining, list(texts.values()))
        each_spent = Timings(
            (embedded.decode_seconds + drawn) / len(wanted),
            embedded.queue_seconds / len(wanted),
            embedded.encode_seconds / len(wanted),
        )
        made: dict[Key, Outcome] = {}
        outcomes = (*embedded.outcomes, *embedded.texts)
        for key, outcome in zip((*pictures, *texts), outcomes, strict=True):
            if isinstance(outcome, CallError):
                made[key] = _named(outcome, wanted[key])
            else:
                self._keep(key, outcome)
                made[key] = outcome, each_spent
        return made

    def _keep(self, key: Key, embedding: Embedding) -> None:
        kind, digest, _, tower = key
        with suppress(ValueError):  # it alone is too large
            self._kept[kind, digest, embedding.fingerprint, tower] = embedding
        while len(self._kept) > self._max_entries:
            self._kept.popitem()


def _key(wanted: Picture | Text, model: EncoderModel) -> Key:
    tower = model.text if isinstance(wanted, Text) else ""
    return wanted.kind.value, wanted.digest, model.fingerprint, tower


async def _image(picture: Picture) -> ImageToEmbed:
    content = picture.content
    if not isinstance(content, bytes):
        # Thousands of points take tens of milliseconds: not on the event loop.
        content = await asyncio.to_thread(draw, content)
    return ImageToEmbed(content, picture.modality)


def _named(error: CallError, wanted: Picture | Text) -> CallError:
    """Name the search's field where the encoder named its own, `images[0].content`."""
    field = f"query.{wanted.kind}"
    if error.code is grpc.StatusCode.UNIMPLEMENTED:
        problem = error.problem or f"cannot be embedded: {error.message}"
        return unimplemented(error.reason, problem, field=field)
    if not error.problem:
        return error
    return invalid(field, error.problem, reason=error.reason)
