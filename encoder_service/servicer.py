"""The servicer: the contract `sketchzoo.encoder.v1` in terms of the worker pool."""

import time
from typing import Any

from encoder_service.metrics import EncoderMetrics
from encoder_service.pool import RefusedError, WorkerPool
from encoder_service.seeing import Seeing
from encoder_service.watchdog import BrokenError
from encoder_service.work import (
    AbandonedError,
    DeadlinePassedError,
    Embeddings,
    ImageFile,
    NoEmbeddingError,
    Outcome,
    Timings,
)
from sketchzoo.encoder.v1 import encoder_pb2, encoder_pb2_grpc
from sketchzoo.images import ImageError, Modality
from sketchzoo.rpc import CallError, deadline_exceeded, exhausted, internal, invalid, unavailable
from sketchzoo.rpc.durations import set_duration

MAX_IMAGES = 64
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
        """Embed 1 to 64 images; one bad image gets a status and spares the others."""
        images = request.images
        if not 1 <= len(images) <= MAX_IMAGES:
            raise invalid("images", f"must hold 1 to {MAX_IMAGES}, not {len(images)}")
        response = encoder_pb2.EmbedResponse(model_fingerprint=self._model.fingerprint)
        wanted: list[tuple[int, encoder_pb2.EmbedResult]] = []
        files: list[ImageFile] = []
        for index, image in enumerate(images):
            # Filled where it stands: a message that is put into another is copied.
            result = response.results.add()
            modality = _MODALITIES.get(image.modality)
            if modality is None:
                self._metrics.refused(None, "no_modality")
                problem = "must be MODALITY_PHOTO or MODALITY_SKETCH"
                _refuse(result, invalid(f"images[{index}].modality", problem))
            else:
                wanted.append((index, result))
                files.append(ImageFile(image.content, modality))
        seconds = Timings()
        if files:
            embeddings = await self._embed(files, context.time_remaining())
            seconds = embeddings.seconds
            for (index, result), file, outcome in zip(
                wanted, files, embeddings.outcomes, strict=True
            ):
                self._fill(result, index, file.modality, outcome)
        timings = response.timings
        set_duration(timings.decode, seconds.decode)
        set_duration(timings.queue, seconds.queue)
        set_duration(timings.encode, seconds.encode)
        return response

    async def _embed(self, files: list[ImageFile], remaining: float | None) -> Embeddings:
        allowed = self._default_deadline if remaining is None else remaining
        try:
            return await self._pool.embed(files, time.monotonic() + allowed)
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
        modality: Modality,
        outcome: Outcome,
    ) -> None:
        if isinstance(outcome, ImageError):
            field = f"images[{index}].content"
            _refuse(result, invalid(field, str(outcome), reason=outcome.reason.upper()))
            return
        if isinstance(outcome, NoEmbeddingError):
            _refuse(result, internal(f"images[{index}]: the model's answer is not finite"))
            return
        embedding = result.embedding
        embedding.vector = outcome
        embedding.dimension = self._model.dimension
        if self._seeing is not None and modality is Modality.PHOTO:
            seen = self._seeing.on(outcome)
            if seen is not None:
                embedding.seen.class_name = seen.class_name
                embedding.seen.confidence = seen.confidence


def _refuse(result: encoder_pb2.EmbedResult, error: CallError) -> None:
    result.status.CopyFrom(error.status())
