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
from sketchzoo.rpc.durations import duration

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
        if not 1 <= len(request.images) <= MAX_IMAGES:
            raise invalid("images", f"must hold 1 to {MAX_IMAGES}, not {len(request.images)}")
        results = [encoder_pb2.EmbedResult()] * len(request.images)  # each is replaced below
        wanted: list[int] = []
        files: list[ImageFile] = []
        for index, image in enumerate(request.images):
            modality = _MODALITIES.get(image.modality)
            if modality is None:
                self._metrics.refused(None, "no_modality")
                problem = "must be MODALITY_PHOTO or MODALITY_SKETCH"
                results[index] = _status(invalid(f"images[{index}].modality", problem))
            else:
                wanted.append(index)
                files.append(ImageFile(image.content, modality))
        seconds = Timings()
        if files:
            embeddings = await self._embed(files, context.time_remaining())
            seconds = embeddings.seconds
            for index, file, outcome in zip(wanted, files, embeddings.outcomes, strict=True):
                results[index] = self._result(index, file.modality, outcome)
        return encoder_pb2.EmbedResponse(
            results=results,
            model_fingerprint=self._model.fingerprint,
            timings=encoder_pb2.EmbedTimings(
                decode=duration(seconds.decode),
                queue=duration(seconds.queue),
                encode=duration(seconds.encode),
            ),
        )

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

    def _result(self, index: int, modality: Modality, outcome: Outcome) -> encoder_pb2.EmbedResult:
        if isinstance(outcome, ImageError):
            field = f"images[{index}].content"
            return _status(invalid(field, str(outcome), reason=outcome.reason.upper()))
        if isinstance(outcome, NoEmbeddingError):
            return _status(internal(f"images[{index}]: the model's answer is not finite"))
        embedding = encoder_pb2.Embedding(vector=outcome, dimension=self._model.dimension)
        if self._seeing is not None and modality is Modality.PHOTO:
            seen = self._seeing.on(outcome)
            if seen is not None:
                embedding.seen.class_name = seen.class_name
                embedding.seen.confidence = seen.confidence
        return encoder_pb2.EmbedResult(embedding=embedding)


def _status(error: CallError) -> encoder_pb2.EmbedResult:
    return encoder_pb2.EmbedResult(status=error.status())
