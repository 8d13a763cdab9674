"""The encoder as its callers see it: images and texts in, embeddings or errors out."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self, TypeAlias

import grpc.aio

from sketchzoo.encoder.v1 import encoder_pb2, encoder_pb2_grpc
from sketchzoo.images import FITS, Modality, Preprocessing
from sketchzoo.parts import Emphasis, Focus, Layout, Part
from sketchzoo.rpc import (
    CallError,
    ChannelSettings,
    from_rpc_error,
    open_channel,
    outgoing_metadata,
)
from sketchzoo.rpc.connections import Connections
from sketchzoo.rpc.durations import seconds
from sketchzoo.rpc.errors import from_status, part_failed
from sketchzoo.seen import SeenClass
from sketchzoo.telemetry import span

PART = "the encoder"
MOST = 64
"""Images and texts in sum of one call, by the encoder's contract."""

# The generated stub's types say "sync or asyncio"; the channels are asyncio.
_Call: TypeAlias = grpc.aio.UnaryUnaryMultiCallable

_MODALITIES = {
    Modality.SKETCH: encoder_pb2.MODALITY_SKETCH,
    Modality.PHOTO: encoder_pb2.MODALITY_PHOTO,
}


@dataclass(frozen=True, slots=True)
class Embedding:
    """A point in a model's space: packed little-endian float32 values of L2 norm 1.

    `seen` is what the model is sure to see; None where it is not, and for sketches.
    """

    packed: bytes
    fingerprint: str
    seen: SeenClass | None = None

    def __post_init__(self) -> None:
        if not self.packed or len(self.packed) % 4:
            raise ValueError(f"packed must hold float32 values, not {len(self.packed)} bytes")

    @classmethod
    def of(cls, values: Sequence[float], fingerprint: str) -> Self:
        """Pack values."""
        return cls(struct.pack(f"<{len(values)}f", *values), fingerprint)

    @property
    def dimension(self) -> int:
        """How many values it holds."""
        return len(self.packed) // 4

    def values(self) -> tuple[float, ...]:
        """Return the values."""
        return struct.unpack(f"<{self.dimension}f", self.packed)


@dataclass(frozen=True, slots=True)
class ImageToEmbed:
    """An image file and what it shows."""

    content: bytes
    modality: Modality


@dataclass(frozen=True, slots=True)
class Embedded:
    """What became of a call's images and texts, in order, and where the time went, in seconds."""

    outcomes: tuple[Embedding | CallError, ...]
    decode_seconds: float
    queue_seconds: float
    encode_seconds: float
    texts: tuple[Embedding | CallError, ...] = ()


@dataclass(frozen=True, slots=True)
class EncoderModel:
    """The model that the encoder serves; `min_score` is 0 where none was calibrated.

    The preprocessings tell how images can be shrunk before they are sent; None where the
    encoder prepares them in a way that this release does not know: then send them as they are.
    `processes` answer on its address. `layout` is None where the encoder does not tell it, as a
    release before this one. `text` is its text tower's fingerprint, empty where it has none, and
    `text_min_score` what `min_score` is of a text alone.
    """

    name: str
    fingerprint: str
    dimension: int
    min_score: float = 0.0
    photo_preprocessing: Preprocessing | None = None
    sketch_preprocessing: Preprocessing | None = None
    processes: int = 1
    layout: Layout | None = None
    text: str = ""
    text_min_score: float = 0.0


class EncoderClient:
    """Calls the encoder once; failures raise `CallError`, and the caller decides what then.

    Where the encoder answers by several processes it is called over several connections, each
    call over the one with the fewest under way.
    """

    def __init__(self, settings: ChannelSettings) -> None:
        self._token = settings.token
        self._connections = Connections(
            open_channel(settings),
            encoder_pb2_grpc.EncoderServiceStub,
            lambda: open_channel(replace(settings, own_connection=True)),
        )

    async def __aenter__(self) -> Self:
        """Return itself; nothing is sent yet."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self.close()

    async def close(self) -> None:
        """Close the connections; calls under way are cancelled."""
        await self._connections.close()

    @property
    def connections(self) -> int:
        """How many connections there are."""
        return len(self._connections)

    async def embed(
        self, images: Sequence[ImageToEmbed], timeout_seconds: float, texts: Sequence[str] = ()
    ) -> Embedded:
        """Embed images and texts, `MOST` in sum; a bad one has an error of its own in its place.

        Cancelling this cancels the call, and the encoder drops what it has not begun.
        """
        request = encoder_pb2.EmbedRequest(texts=texts)
        for image in images:
            request.images.add(content=image.content, modality=_MODALITIES[image.modality])
        counts = {"images": len(images), "texts": len(texts)}
        try:
            with (
                span("EncoderService/Embed", "client", attributes=counts),
                self._connections.least_busy() as stub,
            ):
                call: _Call[encoder_pb2.EmbedRequest, encoder_pb2.EmbedResponse] = stub.Embed
                response = await call(
                    request, timeout=timeout_seconds, metadata=outgoing_metadata(self._token)
                )
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error, PART) from error
        _check_count("images", len(images), len(response.results))
        _check_count("texts", len(texts), len(response.text_results))
        spent, fingerprint = response.timings, response.model_fingerprint
        return Embedded(
            tuple(_outcome(result, fingerprint) for result in response.results),
            seconds(spent.decode),
            seconds(spent.queue),
            seconds(spent.encode),
            tuple(_outcome(result, fingerprint) for result in response.text_results),
        )

    async def model(self, timeout_seconds: float) -> EncoderModel:
        """Ask which model is served, and by how many processes.

        Always over the first connection, and so the same process while that lasts.
        """
        call: _Call[encoder_pb2.GetModelRequest, encoder_pb2.GetModelResponse]
        call = self._connections.first.GetModel
        try:
            response = await call(
                encoder_pb2.GetModelRequest(),
                timeout=timeout_seconds,
                metadata=outgoing_metadata(self._token),
            )
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error, PART) from error
        self._connections.reach(response.processes)
        return EncoderModel(
            response.name,
            response.fingerprint,
            response.dimension,
            response.min_score,
            preprocessing_of(response.photo_preprocessing),
            preprocessing_of(response.sketch_preprocessing),
            max(1, response.processes),
            layout_of(response),
            response.text.fingerprint,
            response.text.min_score,
        )


def preprocessing_of(message: encoder_pb2.Preprocessing) -> Preprocessing | None:
    """Return how images can be shrunk for an encoder; None where this release cannot know."""
    fit = next((fit for fit in FITS if fit == message.fit), None)
    if fit is None:
        return None
    neutral = (0.0,) * message.channels, (1.0,) * message.channels
    try:
        # How values are scaled concerns nobody who only shrinks.
        return Preprocessing(
            message.size, fit, *neutral, keep=round(message.keep, 6), version=message.version
        )
    except ValueError:
        return None


def layout_of(message: encoder_pb2.GetModelResponse) -> Layout | None:
    """Return what lies where in embeddings; None where the encoder does not tell."""
    if not message.parts:
        return None
    known = {str(focus) for focus in Focus}
    try:
        focuses = {
            # A focus that a later release has cannot be asked for by this one.
            Focus(told.name): Emphasis(tuple(told.factors), told.min_score)
            for told in message.focuses
            if told.name in known
        }
        layout = Layout(
            tuple(Part(part.name, part.size, part.weight) for part in message.parts),
            focuses,
            next(iter(focuses), None),
        )
    except ValueError as error:
        raise part_failed(PART, f"it tells of no embedding's parts: {error}") from error
    if layout.dimension != message.dimension:
        raise part_failed(
            PART, f"its embeddings have {message.dimension} values, their parts {layout.dimension}"
        )
    return layout


def _check_count(what: str, asked: int, answered: int) -> None:
    if answered != asked:
        raise part_failed(PART, f"it answered {answered} results for {asked} {what}")


def _outcome(result: encoder_pb2.EmbedResult, fingerprint: str) -> Embedding | CallError:
    match result.WhichOneof("outcome"):
        case "embedding":
            try:
                return Embedding(result.embedding.vector, fingerprint, _seen(result.embedding))
            except ValueError as error:
                return part_failed(PART, f"it answered no embedding: {error}")
        case "status":
            return from_status(result.status)
        case _:
            return part_failed(PART, "it answered neither an embedding nor a status")


def _seen(embedding: encoder_pb2.Embedding) -> SeenClass | None:
    if not embedding.HasField("seen"):
        return None
    return SeenClass(embedding.seen.class_name, embedding.seen.confidence)
