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
from sketchzoo.encoder_client import EncoderClient, EncoderModel
from sketchzoo.rpc import (
    CallError,
    ChannelSettings,
    RpcServer,
    Service,
    exhausted,
    invalid,
    precondition,
)
from sketchzoo.settings import ServerSettings
from sketchzoo_ingest.embedder import Embedder
from sketchzoo_ingest.outcome import Reason, RefusedError
from sketchzoo_ingest.retry import RetryPolicy

MODEL = EncoderModel("fake", "abc", 2)


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
async def client(servicer: Servicer) -> AsyncIterator[EncoderClient]:
    service = Service(
        "sketchzoo.encoder.v1.EncoderService",
        servicer,
        encoder_pb2_grpc.add_EncoderServiceServicer_to_server,
    )
    token = SecretStr("let me in")
    settings = ServerSettings(token=token, max_message_bytes=10_000, drain_seconds=0.1)
    async with RpcServer(settings, [service], CollectorRegistry()) as server:
        target = ChannelSettings(f"127.0.0.1:{server.port}", token=token)
        async with EncoderClient(target) as client:
            yield client


def embedder(client: EncoderClient, retry_seconds: float = 0.0) -> Embedder:
    return Embedder(client, MODEL, RetryPolicy(retry_seconds, asyncio.Event()), 10.0)


async def test_model(client: EncoderClient) -> None:
    """The model's name, fingerprint and dimension are read, with the token sent along."""
    assert await client.model(10.0) == MODEL


async def test_embeddings_come_in_order(client: EncoderClient, servicer: Servicer) -> None:
    """Bytes go as they are, as photos; embeddings come back as float32 values in order."""
    servicer.results = [embedding(1, 0), embedding(0.5, -0.5)]
    found = await embedder(client).embed([b"a", b"b"])
    vectors = [list(each.vector) for each in found if not isinstance(each, RefusedError)]
    assert vectors == [[1, 0], [0.5, -0.5]]
    assert [(i.content, i.modality) for i in servicer.requests[0].images] == [
        (b"a", pb.MODALITY_PHOTO),
        (b"b", pb.MODALITY_PHOTO),
    ]


async def test_damaged_photo_is_refused_alone(client: EncoderClient, servicer: Servicer) -> None:
    """INVALID_ARGUMENT of one image refuses it, in the encoder's words without the field."""
    problem = "is damaged or truncated: 3 bytes"
    status = invalid("images[0].content", problem, reason="TRUNCATED").status()
    servicer.results = [pb.EmbedResult(status=status), embedding(0, 1)]
    refused, vector = await embedder(client).embed([b"a", b"b"])
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
    client: EncoderClient, servicer: Servicer, stated: str, reason: Reason
) -> None:
    """What this version does not know is the encoder's own."""
    status = invalid("images[0].content", "takes long", reason=stated).status()
    servicer.results = [pb.EmbedResult(status=status)]
    (refused,) = await embedder(client).embed([b"a"])
    assert isinstance(refused, RefusedError)
    assert refused.reason is reason


async def test_other_statuses_fail_the_call(client: EncoderClient, servicer: Servicer) -> None:
    """Any other status of an image is the encoder's trouble, not the photo's."""
    status = status_pb2.Status(code=code_pb2.UNAVAILABLE, message="later")
    servicer.results = [pb.EmbedResult(status=status)]
    with pytest.raises(CallError, match="UNAVAILABLE: later"):
        await embedder(client).embed([b"a"])


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ([], "0 results for 1 images"),
        ([embedding(1, 2, 3)], "3 values; its model has 2"),
    ],
)
async def test_answers_that_do_not_fit(
    client: EncoderClient, servicer: Servicer, results: list[pb.EmbedResult], message: str
) -> None:
    """An answer of the wrong length, in results or in values, is an error."""
    servicer.results = results
    with pytest.raises(CallError, match=message):
        await embedder(client).embed([b"a"])


async def test_infinite_embedding_is_refused(client: EncoderClient, servicer: Servicer) -> None:
    """An embedding with a NaN or an infinity never reaches the collection."""
    servicer.results = [embedding(float("nan"), 1), embedding(float("inf"), float("-inf"))]
    for refused in await embedder(client).embed([b"a", b"b"]):
        assert isinstance(refused, RefusedError)
        assert refused.reason is Reason.ENCODER_REFUSED


async def test_changed_model_ends_the_run(client: EncoderClient, servicer: Servicer) -> None:
    """Embeddings of another model than the run began with are an error that is not retried."""
    servicer.fingerprint, servicer.results = "def", [embedding(1, 0)]
    with pytest.raises(CallError, match="changed from abc to def") as error:
        await embedder(client).embed([b"a"])
    assert error.value.code is grpc.StatusCode.FAILED_PRECONDITION


async def test_retry_info_is_honoured(client: EncoderClient, servicer: Servicer) -> None:
    """RESOURCE_EXHAUSTED with RetryInfo is asked again once that time is over."""
    servicer.failures = [exhausted("the queue is full", 0.05)] * 2
    servicer.results = [embedding(1, 0)]
    await embedder(client, 10.0).embed([b"a"])
    assert len(servicer.requests) == 3


async def test_too_large_message_refuses_its_photo(
    client: EncoderClient, servicer: Servicer
) -> None:
    """A message over the encoder's limit is not sent again: it would never get through."""
    servicer.results = [embedding(1, 0)]
    async with asyncio.timeout(10):
        (refused,) = await embedder(client, 60.0).embed([bytes(20_000)])
    assert isinstance(refused, RefusedError)
    assert refused.reason is Reason.TOO_LARGE


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (RuntimeError("a bug"), grpc.StatusCode.UNAVAILABLE),
        (precondition("NO", "no"), grpc.StatusCode.FAILED_PRECONDITION),
    ],
)
async def test_an_encoder_that_fails_is_not_asked_again(
    client: EncoderClient, servicer: Servicer, failure: Exception, code: grpc.StatusCode
) -> None:
    """It is there and says no: the next answer would be the same."""
    servicer.failures = [failure]
    async with asyncio.timeout(10):
        with pytest.raises(CallError) as error:
            await embedder(client, 60.0).embed([b"a"])
    assert error.value.code is code
    assert len(servicer.requests) == 1


async def test_wrong_token_is_final(client: EncoderClient) -> None:
    """A refused token fails at once and is called what it is."""
    client._token = SecretStr("wrong")
    async with asyncio.timeout(10):
        with pytest.raises(CallError, match="the encoder refuses this service's token") as error:
            await embedder(client, 60.0).embed([b"a"])
    assert error.value.code is grpc.StatusCode.FAILED_PRECONDITION
