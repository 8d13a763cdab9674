"""Ingest's side of `sketchzoo.encoder.v1`, against a servicer on a real socket."""

import asyncio
import struct
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
from google.rpc import code_pb2, status_pb2
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from sketchzoo.encoder.v1 import encoder_pb2 as pb
from sketchzoo.encoder.v1 import encoder_pb2_grpc
from sketchzoo.rpc import (
    CallError,
    ChannelSettings,
    RpcServer,
    Service,
    exhausted,
    invalid,
    open_channel,
)
from sketchzoo.settings import ServerSettings
from sketchzoo_ingest.encoder import Encoder, Model
from sketchzoo_ingest.outcome import Reason, RefusedError
from sketchzoo_ingest.patience import Patience

MODEL = Model("fake", "abc", 2)


class Servicer(encoder_pb2_grpc.EncoderServiceServicer):
    """Answers what the test puts into `results`; raises `failures` first."""

    def __init__(self) -> None:
        self.failures: list[Exception] = []
        self.results: list[pb.EmbedResult] = []
        self.fingerprint = MODEL.fingerprint
        self.requests: list[pb.EmbedRequest] = []

    async def GetModel(self, request: Any, context: Any) -> pb.GetModelResponse:  # noqa: N802
        if self.failures:
            raise self.failures.pop(0)
        return pb.GetModelResponse(name="fake", fingerprint=self.fingerprint, dimension=2)

    async def Embed(self, request: pb.EmbedRequest, context: Any) -> pb.EmbedResponse:  # noqa: N802
        self.requests.append(request)
        if self.failures:
            raise self.failures.pop(0)
        return pb.EmbedResponse(results=self.results, model_fingerprint=self.fingerprint)


def embedding(*values: float) -> pb.EmbedResult:
    packed = struct.pack(f"<{len(values)}f", *values)
    return pb.EmbedResult(embedding=pb.Embedding(vector=packed, dimension=len(values)))


@pytest.fixture
def servicer() -> Servicer:
    return Servicer()


@pytest.fixture
async def encoder(servicer: Servicer) -> AsyncIterator[Encoder]:
    service = Service(
        "sketchzoo.encoder.v1.EncoderService",
        servicer,
        encoder_pb2_grpc.add_EncoderServiceServicer_to_server,
    )
    token = SecretStr("let me in")
    settings = ServerSettings(token=token, max_message_bytes=10_000, drain_seconds=0.1)
    async with RpcServer(settings, [service], CollectorRegistry()) as server:
        channel = open_channel(ChannelSettings(f"127.0.0.1:{server.port}"))
        yield Encoder(channel, 10.0, token)
        await channel.close(None)


async def test_model(encoder: Encoder) -> None:
    """The model's name, fingerprint and dimension are read, with the token sent along."""
    assert await encoder.model() == MODEL


async def test_embeddings_come_in_order(encoder: Encoder, servicer: Servicer) -> None:
    """Bytes go as they are, as photos; embeddings come back as float32 values in order."""
    servicer.results = [embedding(1, 0), embedding(0.5, -0.5)]
    vectors = await encoder.embed(MODEL, [b"a", b"b"])
    assert [list(v) for v in vectors if not isinstance(v, RefusedError)] == [[1, 0], [0.5, -0.5]]
    assert [(i.content, i.modality) for i in servicer.requests[0].images] == [
        (b"a", pb.MODALITY_PHOTO),
        (b"b", pb.MODALITY_PHOTO),
    ]


async def test_damaged_photo_is_refused_alone(encoder: Encoder, servicer: Servicer) -> None:
    """INVALID_ARGUMENT of one image refuses it, in the encoder's words without the field."""
    problem = "is damaged or truncated: 3 bytes"
    status = invalid("images[0].content", problem, reason="TRUNCATED").status()
    servicer.results = [pb.EmbedResult(status=status), embedding(0, 1)]
    refused, vector = await encoder.embed(MODEL, [b"a", b"b"])
    assert isinstance(refused, RefusedError)
    assert (refused.reason, refused.message) == (
        Reason.TRUNCATED,
        "is damaged or truncated: 3 bytes",
    )
    assert not isinstance(vector, RefusedError)


@pytest.mark.parametrize(
    ("stated", "reason"),
    [("TOO_SLOW", Reason.TOO_SLOW), ("TOO_LARGE", Reason.TOO_LARGE), ("?", Reason.ENCODER_REFUSED)],
)
async def test_a_refusal_has_the_encoders_reason(
    encoder: Encoder, servicer: Servicer, stated: str, reason: Reason
) -> None:
    """What this version does not know is the encoder's own."""
    status = invalid("images[0].content", "takes long", reason=stated).status()
    servicer.results = [pb.EmbedResult(status=status)]
    (refused,) = await encoder.embed(MODEL, [b"a"])
    assert isinstance(refused, RefusedError)
    assert refused.reason is reason


async def test_other_statuses_fail_the_call(encoder: Encoder, servicer: Servicer) -> None:
    """Any other status of an image is the encoder's trouble, not the photo's."""
    status = status_pb2.Status(code=code_pb2.UNAVAILABLE, message="later")
    servicer.results = [pb.EmbedResult(status=status)]
    with pytest.raises(CallError, match="UNAVAILABLE: later"):
        await encoder.embed(MODEL, [b"a"])


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ([], "0 results for 1 photos"),
        ([embedding(1, 2, 3)], "3 values; its model has 2"),
    ],
)
async def test_answers_that_do_not_fit(
    encoder: Encoder, servicer: Servicer, results: list[pb.EmbedResult], message: str
) -> None:
    """An answer of the wrong length, in results or in values, is an error."""
    servicer.results = results
    with pytest.raises(CallError, match=message):
        await encoder.embed(MODEL, [b"a"])


async def test_infinite_embedding_is_refused(encoder: Encoder, servicer: Servicer) -> None:
    """An embedding with a NaN or an infinity never reaches the collection."""
    servicer.results = [embedding(float("nan"), 1), embedding(float("inf"), float("-inf"))]
    for refused in await encoder.embed(MODEL, [b"a", b"b"]):
        assert isinstance(refused, RefusedError)
        assert refused.reason is Reason.ENCODER_REFUSED


async def test_changed_model_ends_the_run(encoder: Encoder, servicer: Servicer) -> None:
    """Embeddings of another model than the run began with are an error that is not retried."""
    servicer.fingerprint, servicer.results = "def", [embedding(1, 0)]
    with pytest.raises(CallError, match="changed from abc to def") as error:
        await encoder.embed(MODEL, [b"a"])
    assert error.value.code is grpc.StatusCode.FAILED_PRECONDITION


async def test_retry_info_is_honoured(encoder: Encoder, servicer: Servicer) -> None:
    """RESOURCE_EXHAUSTED with RetryInfo is asked again once that time is over."""
    servicer.failures = [exhausted("the queue is full", 0.05)] * 2
    servicer.results = [embedding(1, 0)]
    patience = Patience(10.0, asyncio.Event())
    await patience.persist("the encoder", lambda: encoder.embed(MODEL, [b"a"]))
    assert len(servicer.requests) == 3


async def test_too_large_message_is_final(encoder: Encoder) -> None:
    """A message over the encoder's limit fails at once: it would never get through."""
    patience = Patience(60.0, asyncio.Event())
    async with asyncio.timeout(10):
        with pytest.raises(CallError, match="larger than max"):
            await patience.persist("the encoder", lambda: encoder.embed(MODEL, [bytes(20_000)]))


async def test_wrong_token_is_final(encoder: Encoder) -> None:
    """A refused token fails at once and is called what it is."""
    encoder._token = SecretStr("wrong")
    with pytest.raises(CallError) as error:
        await Patience(60.0, asyncio.Event()).persist("the encoder", encoder.model)
    assert error.value.code is grpc.StatusCode.UNAUTHENTICATED
