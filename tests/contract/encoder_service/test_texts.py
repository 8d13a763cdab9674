"""`Embed` with texts over real sockets: a model's own text tower."""

import asyncio
import builtins
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import numpy as np
import pytest
from google.rpc import code_pb2, error_details_pb2
from structlog.testing import capture_logs

from encoder_service.bootstrap import open_runtime, serving
from encoder_service.runtimes.text import OwnTower, TextRuntime, open_texts
from encoder_service.settings import EncoderSettings
from sketchzoo.encoder.v1 import encoder_pb2 as pb
from sketchzoo.encoder.v1.encoder_pb2_grpc import EncoderServiceStub
from sketchzoo.model import ModelArtefact
from sketchzoo.model_error import ModelError
from sketchzoo.rpc import ChannelSettings, from_rpc_error, open_channel
from sketchzoo.rpc.errors import from_status
from sketchzoo.text_tower import TEXTS, TextTower
from sketchzoo.words import sentences
from tests.artefacts import picture, tiny_model, torch_model
from tests.text_towers import CONTEXT, with_classes, with_text


@pytest.fixture(scope="module")
def artefact(tmp_path_factory: pytest.TempPathFactory) -> ModelArtefact:
    return with_text(tiny_model(tmp_path_factory.mktemp("model")))


@asynccontextmanager
async def served(
    artefact: ModelArtefact, texts: TextRuntime | None, **settings: Any
) -> AsyncIterator[grpc.aio.Channel]:
    """Serve a model on the CPU."""
    values: dict[str, Any] = {"device": "cpu", "port": 0, "metrics_port": None, **settings}
    chosen = EncoderSettings(threads_alone=1, **values)
    async with (
        serving(chosen, artefact, open_runtime(chosen, artefact), texts=texts) as addresses,
        open_channel(ChannelSettings(f"127.0.0.1:{addresses.port}")) as channel,
    ):
        yield channel


@pytest.fixture
async def channel(artefact: ModelArtefact) -> AsyncIterator[grpc.aio.Channel]:
    async with served(artefact, open_texts(artefact)) as channel:
        yield channel


async def embed(
    channel: grpc.aio.Channel, texts: Sequence[str], images: int = 0
) -> pb.EmbedResponse:
    image = pb.Image(content=picture(), modality=pb.MODALITY_PHOTO)
    request = pb.EmbedRequest(images=[image] * images, texts=texts)
    return await EncoderServiceStub(channel).Embed(request, timeout=30)


async def test_texts_and_images_are_embedded_in_one_call(
    channel: grpc.aio.Channel, artefact: ModelArtefact
) -> None:
    """Each in its own list and order, of norm 1; a text's vector is the text tower's."""
    answer = await embed(channel, ["a cat", "a drawing of a dog"], images=2)
    assert len(answer.results) == len(answer.text_results) == 2
    assert all(result.embedding.dimension == 8 for result in answer.results)
    told = artefact.text
    assert told is not None
    expected = TextTower.open(artefact.folder, told).embed(["a cat", "a drawing of a dog"])
    for result, vector in zip(answer.text_results, expected, strict=True):
        found = np.frombuffer(result.embedding.vector, "<f4")
        np.testing.assert_allclose(found, vector, atol=1e-5)
        assert np.linalg.norm(found) == pytest.approx(1, abs=1e-5)
        assert not result.embedding.HasField("seen")
    assert answer.timings.encode.ToNanoseconds() > 0


async def test_torch_for_images_leaves_texts_to_onnx(tmp_path: Path) -> None:
    """The text tower is a graph whatever runs the images; both are embedded in one call."""
    artefact = with_text(torch_model(tmp_path))
    async with served(artefact, open_texts(artefact), runtime="torch") as channel:
        answer = await embed(channel, ["a cat", "a dog"], images=3)
    for result in (*answer.results, *answer.text_results):
        vector = np.frombuffer(result.embedding.vector, "<f4")
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


async def test_get_model_tells_of_the_text_tower(
    channel: grpc.aio.Channel, artefact: ModelArtefact
) -> None:
    """Its own fingerprint, and its context; a gallery depends on the other fingerprint."""
    told = artefact.text
    assert told is not None
    model = await EncoderServiceStub(channel).GetModel(pb.GetModelRequest(), timeout=5)
    assert model.text == pb.TextTower(fingerprint=told.fingerprint, context=CONTEXT)
    assert model.fingerprint == artefact.fingerprint


async def test_one_bad_text_never_fails_its_call(channel: grpc.aio.Channel) -> None:
    """Each has a status of its own that names it, and says what would be right."""
    texts = ["a cat", "", "   ", "x" * 1000, "x" * 1001]
    answer = await embed(channel, texts, images=1)
    outcomes = [result.WhichOneof("outcome") for result in answer.text_results]
    assert outcomes == ["embedding", "status", "status", "embedding", "status"]
    assert answer.results[0].HasField("embedding")
    for index in (1, 2, 4):
        status = answer.text_results[index].status
        detail = error_details_pb2.BadRequest()
        assert status.code == code_pb2.INVALID_ARGUMENT
        assert status.details[0].Unpack(detail)
        assert detail.field_violations[0].field == f"texts[{index}]"
        assert "must have 1 to 1,000 characters, not" in status.message


@pytest.mark.parametrize(("images", "texts"), [(0, 0), (1, 64), (0, 65)])
async def test_images_and_texts_count_together(
    channel: grpc.aio.Channel, images: int, texts: int
) -> None:
    """1 to 64 in sum."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await embed(channel, ["a cat"] * texts, images)
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert f"1 to 64 in sum, not {images + texts}" in str(raised.value.details())


@pytest.mark.parametrize("switched_off", [False, True])
async def test_a_model_without_a_text_tower_says_so(tmp_path: Path, switched_off: bool) -> None:  # noqa: FBT001
    """Each text is UNIMPLEMENTED and says why; images of the same call have their embeddings."""
    artefact = tiny_model(tmp_path)
    artefact = with_text(artefact) if switched_off else artefact
    texts = None if switched_off else open_texts(artefact)
    async with served(artefact, texts) as channel:
        answer = await embed(channel, ["a cat"], images=1)
        model = await EncoderServiceStub(channel).GetModel(pb.GetModelRequest(), timeout=5)
    assert not model.HasField("text")
    assert answer.results[0].HasField("embedding")
    status = answer.text_results[0].status
    assert status.code == code_pb2.UNIMPLEMENTED
    assert "texts[0] needs a text tower, and tiny is served without" in status.message
    assert from_status(status).reason == "NO_TEXT_TOWER"


class HeldTexts:
    """A text tower that waits for the test."""

    fingerprint, context, min_score = "0" * 16, 4, 0.0

    def __init__(self) -> None:
        self.gate, self.begun = threading.Event(), threading.Event()
        self.gate.set()
        self.texts: list[str] = []

    def embed(self, texts: Sequence[str]) -> Any:
        self.begun.set()
        self.gate.wait(30)
        self.texts += texts
        return np.tile(np.eye(8, dtype=np.float32)[0], (len(texts), 1))


async def test_texts_wait_in_the_images_queue(tmp_path: Path) -> None:
    """A full one refuses with RetryInfo; one whose deadline passes never reaches the model."""
    artefact, texts = tiny_model(tmp_path), HeldTexts()
    async with served(artefact, texts, workers=1, queue_calls=1) as channel:
        stub = EncoderServiceStub(channel)
        texts.gate.clear()
        texts.begun.clear()
        held = stub.Embed(pb.EmbedRequest(texts=["held"]), timeout=30)
        await asyncio.to_thread(texts.begun.wait, 30)
        with pytest.raises(grpc.aio.AioRpcError) as late:
            await stub.Embed(pb.EmbedRequest(texts=["late"]), timeout=0.3)
        assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        two = [
            asyncio.ensure_future(stub.Embed(pb.EmbedRequest(texts=["two"]), timeout=30))
            for _ in range(2)
        ]
        (refused,), (waiting,) = await asyncio.wait(two, return_when=asyncio.FIRST_COMPLETED)
        error = from_rpc_error(refused.exception(), "the encoder")
        assert error.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert error.retry_after is not None
        texts.gate.set()
        for call in (held, waiting):
            assert (await call).text_results[0].HasField("embedding")
    assert sorted(set(texts.texts) - set(TEXTS)) == ["held", "two"]


def test_without_the_library_a_model_is_served_without_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log names the extra; images are none the worse."""
    artefact = with_text(tiny_model(tmp_path))
    imported = builtins.__import__

    def without(name: str, *args: Any) -> Any:
        if name == "tokenizers":
            raise ImportError(name)
        return imported(name, *args)

    monkeypatch.setattr(builtins, "__import__", without)
    with capture_logs() as logs:
        assert open_texts(artefact) is None
    (entry,) = logs
    assert entry["log_level"] == "warning"
    assert "sketchzoo[text]" in entry["reason"]


def test_without_the_extra_a_model_that_knows_classes_has_no_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is served as before; the log says which extra gives it some."""
    artefact = with_classes(tiny_model(tmp_path), "cat", "dog")
    monkeypatch.setattr(sentences, "PACKAGE", "no_such_package")
    with capture_logs() as logs:
        assert open_texts(artefact) is None
    (entry,) = logs
    assert (entry["event"], entry["log_level"]) == ("no words", "info")
    assert entry["reason"].endswith("it is the extra words")


def test_a_damaged_text_tower_is_named(tmp_path: Path) -> None:
    """Before anything is served: its files are those of its fingerprint."""
    artefact = with_text(tiny_model(tmp_path))
    (tmp_path / "text.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match=r"text\.safetensors.* come to the fingerprint"):
        open_texts(artefact)


def test_weights_of_a_group_are_written_once(tmp_path: Path) -> None:
    """Into the folder that its processes share, from which each maps them."""
    artefact = with_text(tiny_model(tmp_path / "model"))
    graphs = tmp_path / "graphs"
    graphs.mkdir()
    first = open_texts(artefact, graphs)
    written = (graphs / "text.onnx").stat().st_mtime_ns
    second = open_texts(artefact, graphs)
    assert isinstance(first, OwnTower)
    assert second is not None
    assert (graphs / "text.onnx").stat().st_mtime_ns == written
    np.testing.assert_array_equal(first.embed(["a cat"]), second.embed(["a cat"]))
