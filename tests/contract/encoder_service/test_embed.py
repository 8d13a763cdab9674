"""`sketchzoo.encoder.v1` over real sockets, with each runtime."""

import io
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import numpy as np
import pytest
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from PIL import Image
from structlog.testing import capture_logs

from encoder_service import bootstrap
from encoder_service.bootstrap import SERVICE, open_runtime, serving
from encoder_service.settings import EncoderSettings
from sketchzoo.encoder.v1 import encoder_pb2 as pb
from sketchzoo.encoder.v1.encoder_pb2_grpc import EncoderServiceStub
from sketchzoo.images import Modality, Preprocessing, decode, squared
from sketchzoo.model import ModelArtefact
from sketchzoo.rpc import ChannelSettings, from_rpc_error, open_channel
from tests.artefacts import picture, tiny_model, torch_model

PHOTO, SKETCH = pb.MODALITY_PHOTO, pb.MODALITY_SKETCH


@pytest.fixture(scope="module", params=["onnx", "torch"])
def artefact(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    make = tiny_model if request.param == "onnx" else torch_model
    return make(tmp_path_factory.mktemp(request.param))


@pytest.fixture
def settings(artefact: ModelArtefact) -> EncoderSettings:
    runtime: Any = "torch" if artefact.name.startswith("torch") else "onnx"
    return EncoderSettings(runtime=runtime, device="cpu", port=0, metrics_port=None, max_batch=8)


@pytest.fixture
async def channel(
    settings: EncoderSettings, artefact: ModelArtefact
) -> AsyncIterator[grpc.aio.Channel]:
    async with (
        serving(settings, artefact, open_runtime(settings, artefact)) as addresses,
        open_channel(ChannelSettings(f"127.0.0.1:{addresses.port}")) as opened,
    ):
        yield opened


@pytest.mark.parametrize("library", [None, object()])
async def test_the_log_says_what_drawings_are_prepared_with(
    settings: EncoderSettings,
    artefact: ModelArtefact,
    library: object | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An installation without a compiler serves, and tells once why it is slower."""
    monkeypatch.setattr(bootstrap, "LIBRARY", library)
    with capture_logs() as logs:
        async with serving(settings, artefact, open_runtime(settings, artefact)):
            pass
    said = [entry["log_level"] for entry in logs if entry["event"].startswith("not compiled")]
    assert said == ([] if library else ["warning"])


async def embed(channel: grpc.aio.Channel, *images: pb.Image) -> pb.EmbedResponse:
    return await EncoderServiceStub(channel).Embed(pb.EmbedRequest(images=images), timeout=30)


def violation(status: status_pb2.Status) -> tuple[int, str]:
    """Return a status's code and the field that its BadRequest names."""
    detail = error_details_pb2.BadRequest()
    assert status.details[0].Unpack(detail)
    return status.code, detail.field_violations[0].field


async def test_vectors_are_packed_float32_of_norm_one_in_order(
    channel: grpc.aio.Channel, settings: EncoderSettings, artefact: ModelArtefact
) -> None:
    """Each image's vector is what the runtime gives for it, prepared as the model states."""
    modalities = [PHOTO, SKETCH, PHOTO, SKETCH, SKETCH]
    answer = await embed(
        channel, *[pb.Image(content=picture(i), modality=m) for i, m in enumerate(modalities)]
    )
    runtime = open_runtime(settings, artefact)
    for index, (result, modality) in enumerate(zip(answer.results, modalities, strict=True)):
        kind = Modality.PHOTO if modality == PHOTO else Modality.SKETCH
        square = squared(decode(picture(index)), artefact.towers[kind].preprocessing)
        vector = np.frombuffer(result.embedding.vector, "<f4")
        assert result.embedding.dimension == len(vector) == artefact.dimension
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
        np.testing.assert_allclose(vector, runtime.embed(kind, [square])[0], atol=1e-4)


def preprocessing(stated: Preprocessing) -> pb.Preprocessing:
    """Return a tower's preprocessing as the contract has it."""
    return pb.Preprocessing(
        size=stated.size,
        fit=stated.fit,
        keep=stated.keep,
        channels=stated.channels,
        version=stated.version,
    )


async def test_get_model_describes_what_is_served(
    channel: grpc.aio.Channel, settings: EncoderSettings, artefact: ModelArtefact
) -> None:
    """Name, fingerprint, sizes, runtime and device."""
    model = await EncoderServiceStub(channel).GetModel(pb.GetModelRequest(), timeout=5)
    assert model == pb.GetModelResponse(
        name=artefact.name,
        fingerprint=artefact.fingerprint,
        dimension=8,
        photo_input_size=32,
        sketch_input_size=32,
        runtime=settings.runtime,
        device="cpu",
        processes=1,
        min_score=artefact.min_score,
        photo_preprocessing=preprocessing(artefact.towers[Modality.PHOTO].preprocessing),
        sketch_preprocessing=preprocessing(artefact.towers[Modality.SKETCH].preprocessing),
        parts=[pb.Part(name="all", size=8, weight=1)],
    )


async def test_an_answer_names_its_model_and_where_the_time_went(
    channel: grpc.aio.Channel, artefact: ModelArtefact
) -> None:
    """The fingerprint travels with the vectors; each stage took some time."""
    answer = await embed(channel, pb.Image(content=picture(), modality=PHOTO))
    assert answer.model_fingerprint == artefact.fingerprint
    assert answer.timings.decode.ToNanoseconds() > 0
    assert answer.timings.queue.ToNanoseconds() > 0
    assert answer.timings.encode.ToNanoseconds() > 0


async def test_one_bad_image_never_fails_its_batch(channel: grpc.aio.Channel) -> None:
    """Bad content and missing modalities get a status that names their field."""
    good = pb.Image(content=picture(), modality=PHOTO)
    answer = await embed(
        channel,
        good,
        pb.Image(content=picture()),
        pb.Image(content=b"", modality=SKETCH),
        pb.Image(content=b"GIF89a but not really", modality=SKETCH),
        pb.Image(content=picture()[:200], modality=PHOTO),
        pb.Image(content=picture(), modality=9),  # type: ignore[arg-type] # a newer contract's
        good,
    )
    outcomes = [result.WhichOneof("outcome") for result in answer.results]
    assert outcomes == ["embedding", *["status"] * 5, "embedding"]
    assert [violation(result.status) for result in answer.results[1:6]] == [
        (code_pb2.INVALID_ARGUMENT, "images[1].modality"),
        (code_pb2.INVALID_ARGUMENT, "images[2].content"),
        (code_pb2.INVALID_ARGUMENT, "images[3].content"),
        (code_pb2.INVALID_ARGUMENT, "images[4].content"),
        (code_pb2.INVALID_ARGUMENT, "images[5].modality"),
    ]
    assert answer.results[0] == answer.results[6]


async def test_images_over_the_limits_are_refused(channel: grpc.aio.Channel) -> None:
    """More pixels than max_pixels, or than max_memory_bytes holds; the message names it."""
    far, wide = io.BytesIO(), io.BytesIO()
    Image.new("1", (20_001, 10_000), 1).save(far, "PNG")
    Image.new("1", (12_000, 10_000), 1).save(wide, "PNG")
    answer = await embed(
        channel,
        pb.Image(content=far.getvalue(), modality=PHOTO),
        pb.Image(content=wide.getvalue(), modality=PHOTO),
        pb.Image(content=picture(), modality=PHOTO),
    )
    for index, named in enumerate(
        ("20001x10000 pixels; max_pixels allows 200000000", "max_memory")
    ):
        status = answer.results[index].status
        assert violation(status) == (code_pb2.INVALID_ARGUMENT, f"images[{index}].content")
        assert named in status.message
    assert answer.results[2].HasField("embedding")


@pytest.mark.parametrize("count", [0, 65])
async def test_a_call_holds_1_to_64_images(channel: grpc.aio.Channel, count: int) -> None:
    """Fewer or more fail the whole call, naming the field."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await embed(channel, *[pb.Image(content=b"x", modality=PHOTO)] * count)
    error = from_rpc_error(caught.value, "the encoder")
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    (detail,) = error.details
    assert isinstance(detail, error_details_pb2.BadRequest)
    assert detail.field_violations[0].field == "images"


async def test_64_images_are_taken(channel: grpc.aio.Channel) -> None:
    """The limit itself is allowed."""
    answer = await embed(
        channel, *[pb.Image(content=picture(i % 3), modality=PHOTO) for i in range(64)]
    )
    vectors = [result.embedding.vector for result in answer.results]
    assert all(vectors)
    for index in range(3, 64):
        first = np.frombuffer(vectors[index % 3], "<f4")
        np.testing.assert_allclose(np.frombuffer(vectors[index], "<f4"), first, atol=1e-5)


async def test_health_speaks_for_the_service(channel: grpc.aio.Channel) -> None:
    """The server and the service by name are SERVING; others are unknown."""
    stub = health_pb2_grpc.HealthStub(channel)
    for name in ("", SERVICE):
        request: Message = health_pb2.HealthCheckRequest(service=name)
        answer = await stub.Check(request, timeout=5)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Check(health_pb2.HealthCheckRequest(service="other"), timeout=5)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
