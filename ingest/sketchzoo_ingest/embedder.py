"""The embedder: photos to the encoder, and one by one where a batch fails as a whole."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import grpc
import structlog
from PIL import Image

from sketchzoo.encoder_client import PART, Embedding, EncoderModel, ImageToEmbed
from sketchzoo.encoder_client import Embedded as Answer
from sketchzoo.images import Modality
from sketchzoo.rpc import CallError, precondition
from sketchzoo.rpc.errors import MessageTooLargeError, PartFailedError
from sketchzoo.seen import SeenClass
from sketchzoo_ingest.outcome import Reason, RefusedError
from sketchzoo_ingest.retry import RetryPolicy

log = structlog.get_logger()
Vector = Sequence[float]


@dataclass(frozen=True, slots=True)
class Embedded:
    """A photo's embedding, and what the model is sure to see on it."""

    vector: Vector
    seen: SeenClass | None = None


Results = list[Embedded | RefusedError]


class Encoder(Protocol):
    """What embeds images, once: `sketchzoo.encoder_client.EncoderClient`."""

    async def model(self, timeout_seconds: float) -> EncoderModel:
        """Return which model is served."""

    async def embed(self, images: Sequence[ImageToEmbed], timeout_seconds: float) -> Answer:
        """Return each image's embedding, or why it has none, in order."""


class Embedder:
    """Embeds photos, however one of them behaves.

    A batch that passes its deadline, or is too large for the encoder, may have one photo
    to blame: each is then sent alone, and what fails again is refused. That an encoder
    which does not answer at all refuses a whole gallery is ruled out by a picture of one
    colour, which must be embedded before a photo is blamed.
    """

    def __init__(
        self, encoder: Encoder, model: EncoderModel, retry: RetryPolicy, timeout_seconds: float
    ) -> None:
        self._encoder = encoder
        self._model = model
        self._retry = retry
        self._timeout_seconds = timeout_seconds

    async def embed(self, contents: Sequence[bytes]) -> Results:
        """Return each photo's embedding, or why it has none, in order.

        Raises:
            CallError: the encoder stayed away or refused; FAILED_PRECONDITION where it serves
                another model by now.

        """
        try:
            return await self._call(contents)
        except CallError as error:
            if not _may_be_a_photos(error):
                raise
            log.warning("sending photos one by one", photos=len(contents), error=str(error))
        await self._probe()
        return [await self._alone(content) for content in contents]

    async def _alone(self, content: bytes) -> Embedded | RefusedError:
        try:
            [result] = await self._call([content])
        except CallError as error:
            if not _may_be_a_photos(error):
                raise
            await self._probe()
            if isinstance(error, MessageTooLargeError):
                return RefusedError(
                    Reason.TOO_LARGE, f"has {len(content)} bytes, more than the encoder takes"
                )
            return RefusedError(
                Reason.TOO_SLOW, "was not embedded within the deadline, alone and with others"
            )
        return result

    async def _probe(self) -> None:
        """Return when the encoder embeds a picture that is no work at all."""
        await self._call([_plain_picture()], late_is_final=False)

    async def _call(self, contents: Sequence[bytes], *, late_is_final: bool = True) -> Results:
        images = [ImageToEmbed(content, Modality.PHOTO) for content in contents]

        async def embed() -> Results:
            embedded = await self._encoder.embed(images, self._timeout_seconds)
            return [self._result(outcome) for outcome in embedded.outcomes]

        def is_final(error: CallError) -> bool:
            late = error.code is grpc.StatusCode.DEADLINE_EXCEEDED
            return has_failed(error) or (late and late_is_final)

        return await self._retry.call(PART, embed, is_final)

    def _result(self, outcome: Embedding | CallError) -> Embedded | RefusedError:
        model = self._model
        if isinstance(outcome, CallError):
            if outcome.code is grpc.StatusCode.INTERNAL:
                # The model has no answer for this photo, and has some for others of its call.
                return RefusedError(Reason.ENCODER_REFUSED, outcome.message)
            if outcome.code is not grpc.StatusCode.INVALID_ARGUMENT:
                raise outcome
            return RefusedError(Reason.of(outcome.reason), outcome.problem or outcome.message)
        if outcome.fingerprint != model.fingerprint:
            raise precondition(
                "MODEL_CHANGED",
                f"the encoder's model changed from {model.fingerprint} to "
                f"{outcome.fingerprint} during the run: run ingest again",
            )
        if outcome.dimension != model.dimension:
            raise precondition(
                "BAD_ANSWER",
                f"the encoder gave {outcome.dimension} values; its model has {model.dimension}",
            )
        vector = outcome.values()
        if not math.isfinite(sum(vector)):
            return RefusedError(Reason.ENCODER_REFUSED, "has an embedding with infinite values")
        return Embedded(vector, outcome.seen)


def has_failed(error: CallError) -> bool:
    """Tell whether the encoder, or a proxy, answered that it failed: again is no use."""
    return isinstance(error, PartFailedError)


def _may_be_a_photos(error: CallError) -> bool:
    late = error.code is grpc.StatusCode.DEADLINE_EXCEEDED
    return late or isinstance(error, MessageTooLargeError)


@cache
def _plain_picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (16, 16), "white").save(file, "PNG")
    return file.getvalue()
