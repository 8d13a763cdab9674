"""The servicer: the contract `sketchzoo.encoder.v1` in terms of the worker pool."""

import time
from typing import Any

from encoder_service.metrics import TEXT, EncoderMetrics
from encoder_service.pool import RefusedError, WorkerPool
from encoder_service.seeing import Seeing
from encoder_service.watchdog import BrokenError
from encoder_service.work import (
    AbandonedError,
    DeadlinePassedError,
    Embeddings,
    ImageFile,
    Item,
    NoEmbeddingError,
    Outcome,
    Text,
    Timings,
)
from sketchzoo.encoder.v1 import encoder_pb2, encoder_pb2_grpc
from sketchzoo.images import ImageError, Modality
from sketchzoo.rpc import (
    CallError,
    deadline_exceeded,
    exhausted,
    internal,
    invalid,
    unavailable,
    unimplemented,
)
from sketchzoo.rpc.durations import set_duration
from sketchzoo.tokenizer import NoTokensError

MAX_ITEMS = 64
MAX_CHARACTERS = 1000
_MODALITIES = {
    encoder_pb2.MODALITY_PHOTO: Modality.PHOTO,
    encoder_pb2.MODALITY_SKETCH: Modality.SKETCH,
}


class EncoderServicer(encoder_pb2_grpc.EncoderServiceServicer):
    """Answers `Embed` and `GetModel`."""

    def __init__(
        self,
        pool: WorkerPool,
        model: encoder_pb2.GetModelResponse,
        metrics: EncoderMetrics,
        *,
        default_deadline_seconds: float,
        seeing: Seeing | None = None,
    ) -> None:
        """Serve with `pool`, whose model `model` describes; `seeing` names what is on photos."""
        self._pool = pool
        self._model = model
        self._metrics = metrics
        self._default_deadline = default_deadline_seconds
        self._seeing = seeing

    async def GetModel(  # noqa: N802 - the contract's name
        self,
        request: encoder_pb2.GetModelRequest,  # noqa: ARG002 - the contract's form
        context: Any,  # noqa: ARG002 - the contract's form
    ) -> encoder_pb2.GetModelResponse:
        """Tell which model is served, and on what."""
        return self._model

    async def Embed(  # noqa: N802 - the contract's name
        self, request: encoder_pb2.EmbedRequest, context: Any
    ) -> encoder_pb2.EmbedResponse:
        """Embed 1 to 64 images and texts; a bad one gets a status and spares the others."""
        count = len(request.images) + len(request.texts)
        if not 1 <= count <= MAX_ITEMS:
            raise invalid("images", f"and texts must hold 1 to {MAX_ITEMS} in sum, not {count}")
        response = encoder_pb2.EmbedResponse(model_fingerprint=self._model.fingerprint)
        wanted: list[tuple[int, encoder_pb2.EmbedResult]] = []
        items: list[Item] = []
        for index, image in enumerate(request.images):
            # Filled where it stands: a message that is put into another is copied.
            result = response.results.add()
            modality = _MODALITIES.get(image.modality)
            if modality is None:
                self._metrics.refused(None, "no_modality")
                problem = "must be MODALITY_PHOTO or MODALITY_SKETCH"
                _refuse(result, invalid(f"images[{index}].modality", problem))
            else:
                wanted.append((index, result))
                items.append(ImageFile(image.content, modality))
        for index, text in enumerate(request.texts):
            result = response.text_results.add()
            if (refusal := self._text_refused(f"texts[{index}]", text)) is not None:
                _refuse(result, refusal)
            else:
                wanted.append((index, result))
                items.append(Text(text))
        seconds = Timings()
        if items:
            embeddings = await self._embed(items, context.time_remaining())
            seconds = embeddings.seconds
            for (index, result), item, outcome in zip(
                wanted, items, embeddings.outcomes, strict=True
            ):
                self._fill(result, index, item, outcome)
        timings = response.timings
        set_duration(timings.decode, seconds.decode)
        set_duration(timings.queue, seconds.queue)
        set_duration(timings.encode, seconds.encode)
        return response

    def _text_refused(self, field: str, text: str) -> CallError | None:
        if not self._model.HasField("text"):
            self._metrics.refused(TEXT, "no_text_tower")
            name = self._model.name
            return unimplemented(
                "NO_TEXT_TOWER",
                f"needs a text tower, and {name} is served without: it embeds images alone; "
                "docs/words.md says what gives it words",
                field=field,
            )
        if not 1 <= len(text) <= MAX_CHARACTERS or text.isspace():
            self._metrics.refused(TEXT, "bad_length")
            had = "nothing but spaces" if text.isspace() else f"{len(text):,}"
            return invalid(field, f"must have 1 to {MAX_CHARACTERS:,} characters, not {had}")
        return None

    async def _embed(self, items: list[Item], remaining: float | None) -> Embeddings:
        allowed = self._default_deadline if remaining is None else remaining
        try:
            return await self._pool.embed(items, time.monotonic() + allowed)
        except RefusedError as error:
            raise exhausted("the encoder's queue is full", error.retry_seconds) from error
        except DeadlinePassedError as error:
            raise deadline_exceeded("waiting for the model") from error
        except AbandonedError as error:
            raise unavailable("the encoder", "it is closing") from error
        except BrokenError as error:
            raise unavailable("the encoder", "its model runs no more, and it ends") from error

    def _fill(
        self,
        result: encoder_pb2.EmbedResult,
        index: int,
        item: Item,
        outcome: Outcome,
    ) -> None:
        if isinstance(outcome, ImageError):
            field = f"images[{index}].content"
            _refuse(result, invalid(field, str(outcome), reason=outcome.reason.upper()))
            return
        if isinstance(outcome, NoTokensError):
            _refuse(result, invalid(f"texts[{index}]", f"has no tokens: {outcome}"))
            return
        if isinstance(outcome, NoEmbeddingError):
            field = f"{'texts' if isinstance(item, Text) else 'images'}[{index}]"
            _refuse(result, internal(f"{field}: the model's answer is not finite"))
            return
        embedding = result.embedding
        embedding.vector = outcome
        embedding.dimension = self._model.dimension
        is_photo = isinstance(item, ImageFile) and item.modality is Modality.PHOTO
        if self._seeing is not None and is_photo:
            seen = self._seeing.on(outcome)
            if seen is not None:
                embedding.seen.class_name = seen.class_name
                embedding.seen.confidence = seen.confidence


def _refuse(result: encoder_pb2.EmbedResult, error: CallError) -> None:
    result.status.CopyFrom(error.status())
