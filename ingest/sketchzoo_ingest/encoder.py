"""The encoder as ingest sees it: photos' bytes in, embeddings or refusals out."""

import math
import sys
from array import array
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import grpc
import grpc.aio
from google.rpc import code_pb2, error_details_pb2, status_pb2
from pydantic import SecretStr

from sketchzoo.encoder.v1 import encoder_pb2, encoder_pb2_grpc
from sketchzoo.rpc import CallError, from_rpc_error, outgoing_metadata, precondition
from sketchzoo.rpc.errors import from_status
from sketchzoo.telemetry import span
from sketchzoo_ingest.outcome import Reason, RefusedError

PART = "the encoder"

# With these, the encoder or a proxy answered that it will not: trying again is no use.
_FINAL = (
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.INTERNAL,
)

Vector = Sequence[float]
"""An embedding: an `array` of float32 values."""


@dataclass(frozen=True, slots=True)
class Model:
    """The model that the encoder serves."""

    name: str
    fingerprint: str
    dimension: int


class Encoder:
    """Calls the encoder once; whoever calls this decides about trying again."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        timeout_seconds: float,
        token: SecretStr | None = None,
    ) -> None:
        self._stub = encoder_pb2_grpc.EncoderServiceStub(channel)
        self._timeout_seconds = timeout_seconds
        self._token = token

    async def model(self) -> Model:
        """Return what is served.

        Raises:
            CallError: the call failed.

        """
        try:
            answer = await self._stub.GetModel(
                encoder_pb2.GetModelRequest(),
                timeout=self._timeout_seconds,
                metadata=outgoing_metadata(self._token),
            )
        except grpc.aio.AioRpcError as error:
            raise _explained(error) from error
        return Model(answer.name, answer.fingerprint, answer.dimension)

    async def embed(self, model: Model, contents: Sequence[bytes]) -> list[Vector | RefusedError]:
        """Return each photo's embedding, or why it has none, in order.

        Raises:
            CallError: the call failed; FAILED_PRECONDITION where the encoder serves another
                model than `model`.

        """
        request = encoder_pb2.EmbedRequest()
        for content in contents:
            request.images.add(content=content, modality=encoder_pb2.MODALITY_PHOTO)
        try:
            with span("EncoderService/Embed", "client", attributes={"images": len(contents)}):
                answer = await self._stub.Embed(
                    request,
                    timeout=self._timeout_seconds,
                    metadata=outgoing_metadata(self._token),
                )
        except grpc.aio.AioRpcError as error:
            raise _explained(error) from error
        if answer.model_fingerprint != model.fingerprint:
            raise precondition(
                "MODEL_CHANGED",
                f"the encoder's model changed from {model.fingerprint} to "
                f"{answer.model_fingerprint} during the run: run ingest again",
            )
        if len(answer.results) != len(contents):
            raise precondition(
                "BAD_ANSWER",
                f"the encoder gave {len(answer.results)} results for {len(contents)} photos",
            )
        return [_embedding(result, model) for result in answer.results]


def _embedding(result: encoder_pb2.EmbedResult, model: Model) -> Vector | RefusedError:
    if result.WhichOneof("outcome") != "embedding":
        if result.status.code != code_pb2.INVALID_ARGUMENT:
            raise from_status(result.status)
        _, _, problem = result.status.message.partition(".content ")
        problem = problem or result.status.message
        return RefusedError(_reason(result.status), problem)
    vector = array("f")
    vector.frombytes(result.embedding.vector)
    if sys.byteorder == "big":
        vector.byteswap()
    if len(vector) != model.dimension:
        raise precondition(
            "BAD_ANSWER",
            f"the encoder gave {len(vector)} values; its model has {model.dimension}",
        )
    if not math.isfinite(sum(vector)):
        return RefusedError(Reason.ENCODER_REFUSED, "has an embedding with infinite values")
    return vector


def _reason(status: status_pb2.Status) -> Reason:
    """Return the reason that the encoder states."""
    for detail in from_status(status).details:
        if isinstance(detail, error_details_pb2.ErrorInfo):
            with suppress(ValueError):
                return Reason(detail.reason.lower())
    return Reason.ENCODER_REFUSED


def _explained(error: grpc.aio.AioRpcError) -> CallError:
    if error.code() in _FINAL:
        return CallError(error.code(), f"{PART} refuses: {error.details()}")
    return from_rpc_error(error, PART)
