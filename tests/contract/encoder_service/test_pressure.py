"""`Embed` when too much arrives or callers go away; the test holds the model."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import grpc
import grpc.aio
import pytest
from google.rpc import code_pb2, error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client.parser import text_string_to_metric_families

from encoder_service.bootstrap import SERVICE, serving
from encoder_service.settings import EncoderSettings
from sketchzoo.encoder.v1 import encoder_pb2 as pb
from sketchzoo.encoder.v1.encoder_pb2_grpc import EncoderServiceStub
from sketchzoo.images import Modality
from sketchzoo.rpc import ChannelSettings, from_rpc_error, open_channel
from tests.artefacts import picture, tiny_model
from tests.unit.encoder_service.fakes import FakeRuntime


@dataclass
class Held:
    """A server whose model waits for the test, and what its metrics page says."""

    runtime: FakeRuntime
    channel: grpc.aio.Channel
    metrics_port: int
    warmed: int

    @property
    def reached(self) -> int:
        """How many images of calls have reached the model."""
        return self.runtime.images - self.warmed

    def embed(
        self,
        images: int = 1,
        timeout: float | None = 30,
        modality: pb.Modality.ValueType = pb.MODALITY_PHOTO,
    ) -> Any:
        image = pb.Image(content=picture(), modality=modality)
        request = pb.EmbedRequest(images=[image] * images)
        return EncoderServiceStub(self.channel).Embed(request, timeout=timeout)

    async def occupied(self) -> Any:
        """Let a call stand in the model."""
        self.runtime.begun.clear()
        self.runtime.gate.clear()
        call = self.embed()
        await until(self.runtime.begun.is_set)
        return call

    async def metric(self, name: str, **labels: str) -> float:
        page = await asyncio.to_thread(self._page)
        for family in text_string_to_metric_families(page):
            for sample in family.samples:
                if sample.name == f"sketchzoo_encoder_{name}" and sample.labels == labels:
                    return sample.value
        return 0.0

    def _page(self) -> str:
        with urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10) as page:
            text: str = page.read().decode()
            return text


@asynccontextmanager
async def held(tmp_path: Path, **settings: Any) -> AsyncIterator[Held]:
    runtime = FakeRuntime()
    artefact = tiny_model(tmp_path, dimension=4, size=16)
    values: dict[str, Any] = {"port": 0, "metrics_port": 0, "workers": 1, **settings}
    try:
        async with (
            serving(EncoderSettings(**values), artefact, runtime) as addresses,
            open_channel(ChannelSettings(f"127.0.0.1:{addresses.port}")) as channel,
        ):
            assert addresses.metrics_port
            yield Held(runtime, channel, addresses.metrics_port, runtime.images)
            runtime.gate.set()
    finally:
        runtime.gate.set()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - the conditions lie in other threads
            await asyncio.sleep(0.005)


async def until_metric(server: Held, value: float, name: str, **labels: str) -> None:
    async with asyncio.timeout(20):
        while await server.metric(name, **labels) != value:  # noqa: ASYNC110 - it lies on a page
            await asyncio.sleep(0.01)


async def test_a_full_queue_refuses_with_retry_info(tmp_path: Path) -> None:
    """RESOURCE_EXHAUSTED says when to come back; health stays SERVING; the rest is answered."""
    async with held(tmp_path, queue_calls=2) as server:
        first = await server.occupied()
        waiting = [server.embed() for _ in range(2)]
        await until_metric(server, 2, "queue_length")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await server.embed()
        error = from_rpc_error(caught.value, "the encoder")
        assert error.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        (detail,) = error.details
        assert isinstance(detail, error_details_pb2.RetryInfo)
        assert detail.retry_delay.ToNanoseconds() > 0
        assert await server.metric("dropped_total", reason="queue_full") == 1
        health = await health_pb2_grpc.HealthStub(server.channel).Check(
            health_pb2.HealthCheckRequest(service=SERVICE), timeout=5
        )
        assert health.status == health_pb2.HealthCheckResponse.SERVING
        server.runtime.gate.set()
        assert len((await first).results) == 1
        await asyncio.gather(*waiting)
        assert server.reached == 3


async def test_a_cancelled_call_never_reaches_the_model(tmp_path: Path) -> None:
    """The caller hangs up while its images wait: all of them are dropped and counted."""
    async with held(tmp_path) as server:
        first = await server.occupied()
        call = server.embed(images=5)
        await until_metric(server, 5, "queue_length")
        call.cancel()
        await until_metric(server, 5, "dropped_total", reason="cancelled")
        assert await server.metric("queue_length") == 0
        server.runtime.gate.set()
        await first
        await server.embed()
        assert server.reached == 2
        assert await server.metric("batch_size_sum") == 2


async def test_an_expired_call_never_reaches_the_model(tmp_path: Path) -> None:
    """The caller's deadline passes while its images wait."""
    async with held(tmp_path) as server:
        first = await server.occupied()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await server.embed(images=3, timeout=0.2)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        await until_metric(server, 3, "dropped_total", reason="deadline")
        server.runtime.gate.set()
        await first
        await server.embed()
        assert server.reached == 2


async def test_a_call_without_a_deadline_gets_one(tmp_path: Path) -> None:
    """default_deadline_seconds ends it, and its images are dropped."""
    async with held(tmp_path, default_deadline_seconds=0.2) as server:
        first = await server.occupied()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await server.embed(timeout=None)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        await until_metric(server, 1, "dropped_total", reason="deadline")
        server.runtime.gate.set()
        await first
        assert server.reached == 1


async def test_a_batch_lets_a_single_image_pass(tmp_path: Path) -> None:
    """64 images in the queue cost a search one image's time, not 64."""
    async with held(tmp_path) as server:
        first = await server.occupied()
        batch = server.embed(images=64)
        await until_metric(server, 64, "queue_length")
        single = server.embed(modality=pb.MODALITY_SKETCH)
        await until_metric(server, 65, "queue_length")
        server.runtime.gate.set()
        await asyncio.gather(first, batch, single)
        modalities = [modality for modality, _ in server.runtime.batches[server.warmed :]]
        # The one that stood in the model, one of the batch, then the single image.
        assert modalities.index(Modality.SKETCH) == 2
        assert server.reached == 66


async def test_an_answer_that_is_not_finite_is_the_servers_fault(tmp_path: Path) -> None:
    """INTERNAL for the image, not INVALID_ARGUMENT: whoever sent it can do nothing."""
    async with held(tmp_path) as server:
        server.runtime.value = float("nan")
        answer = await server.embed(images=2)
        assert [result.status.code for result in answer.results] == [code_pb2.INTERNAL] * 2
        assert "images[1]: the model's answer is not finite" in answer.results[1].status.message
