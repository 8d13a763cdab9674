"""`sketchzoo encoder` as a process: started, killed, restarted, stopped."""

import asyncio
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from sketchzoo.encoder.v1 import encoder_pb2 as pb
from sketchzoo.encoder.v1.encoder_pb2_grpc import EncoderServiceStub
from sketchzoo.rpc import ChannelSettings, open_channel
from tests.artefacts import EncoderProcess, encoder_process, picture, tiny_model
from tests.hostile_images import jpeg_of_scans

REQUEST = pb.EmbedRequest(images=[pb.Image(content=picture(), modality=pb.MODALITY_PHOTO)])


async def vector(channel: grpc.aio.Channel) -> bytes:
    answer = await EncoderServiceStub(channel).Embed(REQUEST, timeout=30, wait_for_ready=True)
    return answer.results[0].embedding.vector


def page(running: EncoderProcess) -> str:
    with urlopen(f"http://127.0.0.1:{running.metrics_port}/metrics", timeout=10) as answer:
        text: str = answer.read().decode()
        return text


def until_busy(running: EncoderProcess) -> None:
    until = time.monotonic() + 30
    while "sketchzoo_encoder_busy_workers 0.0" in page(running):
        assert time.monotonic() < until, "no image ever reached a worker"
        time.sleep(0.01)


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from sketchzoo.cli import main; main()", "encoder", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def test_killed_and_restarted_it_serves_the_same_channel_again(tmp_path: Path) -> None:
    """After kill -9 calls fail with UNAVAILABLE; after the restart the old channel works."""
    tiny_model(tmp_path)
    with encoder_process(tmp_path) as first:
        async with open_channel(ChannelSettings(first.target)) as channel:
            before = await vector(channel)
            first.process.kill()
            first.process.wait()
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await EncoderServiceStub(channel).Embed(REQUEST, timeout=10)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
            with encoder_process(tmp_path, port=first.port):
                assert await vector(channel) == before


async def test_sigterm_lets_calls_under_way_end(tmp_path: Path) -> None:
    """Health says NOT_SERVING, calls under way are answered, new ones refused, exit 0."""
    tiny_model(tmp_path, work=40)
    request = pb.EmbedRequest(images=list(REQUEST.images) * 20)
    with encoder_process(tmp_path, workers=1, drain_seconds=60) as running:
        async with open_channel(ChannelSettings(running.target)) as channel:
            watch = health_pb2_grpc.HealthStub(channel).Watch(
                health_pb2.HealthCheckRequest(service="sketchzoo.encoder.v1.EncoderService")
            )
            states = [(await watch.read()).status]
            call = EncoderServiceStub(channel).Embed(request, timeout=60)
            await asyncio.to_thread(until_busy, running)
            running.process.send_signal(signal.SIGTERM)
            states.append((await watch.read()).status)
            watch.cancel()
            answer = await call
            assert len(answer.results) == 20
            assert all(result.HasField("embedding") for result in answer.results)
        assert await asyncio.to_thread(running.process.wait, 60) == 0
        serving = health_pb2.HealthCheckResponse
        assert states == [serving.SERVING, serving.NOT_SERVING]


async def test_the_metrics_page_has_every_metric(tmp_path: Path) -> None:
    """Names, units and labels as documented."""
    tiny_model(tmp_path)
    with encoder_process(tmp_path) as running:
        async with open_channel(ChannelSettings(running.target)) as channel:
            await vector(channel)
        text = await asyncio.to_thread(page, running)
    for line in (
        'sketchzoo_build_info{part="encoder"',
        "sketchzoo_encoder_queue_seconds_count 1.0",
        "sketchzoo_encoder_decode_seconds_count 1.0",
        "sketchzoo_encoder_batch_size_sum 1.0",
        'sketchzoo_encoder_inference_seconds_count{modality="photo"} 1.0',
        "sketchzoo_encoder_queue_length 0.0",
        'sketchzoo_encoder_images_total{modality="photo",outcome="ok"} 1.0',
        'sketchzoo_encoder_dropped_total{reason="cancelled"} 0.0',
        'sketchzoo_encoder_dropped_total{reason="deadline"} 0.0',
        'sketchzoo_encoder_dropped_total{reason="queue_full"} 0.0',
        "sketchzoo_encoder_busy_workers ",
        "sketchzoo_encoder_busy_seconds_total ",
        "sketchzoo_encoder_workers ",
        'grpc_server_handled_total{grpc_code="OK",grpc_method="Embed"',
    ):
        assert line in text


def test_a_missing_model_is_one_line_and_exit_2(tmp_path: Path) -> None:
    """The line names what is missing; there is no traceback."""
    done = command("--port", "0", "--metrics-port", "0", "--model", str(tmp_path / "none"))
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "none is no folder: give a model artefact's" in line


@pytest.mark.parametrize("option", ["--port", "--metrics-port"])
def test_a_taken_port_is_one_line_and_exit_2(tmp_path: Path, option: str) -> None:
    """Two encoders on one port would share its calls unseen: the second one ends."""
    tiny_model(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = {"--port": "0", "--metrics-port": "0", option: str(taken.getsockname()[1])}
        arguments = [word for pair in ports.items() for word in pair]
        done = command(*arguments, "--model", str(tmp_path), "--log-level", "error")
    assert done.returncode == 2
    *_, line = done.stderr.splitlines()  # gRPC's core adds one of its own
    assert "Traceback" not in done.stderr
    assert line.startswith("sketchzoo encoder: cannot ")
    assert ports[option] in line


def test_help_shows_settings_and_their_variables() -> None:
    """A stranger can work from it."""
    done = command("--help")
    assert done.returncode == 0
    for words in ("--queue-calls", "SKETCHZOO_ENCODER", "RESOURCE_EXHAUSTED", "--max-batch"):
        assert words in done.stdout


def test_help_loads_neither_grpc_nor_the_runtime() -> None:
    """`--help` must stay quick."""
    code = (
        "import sys, encoder_service.commands;"
        "print(sorted({'grpc', 'onnxruntime', 'torch', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


async def test_a_stop_waits_for_no_picture_that_takes_long(tmp_path: Path) -> None:
    """SIGTERM while every worker decodes one: the process ends soon after `drain_seconds`."""
    tiny_model(tmp_path)
    slow = pb.Image(content=jpeg_of_scans(80, mode="RGB"), modality=pb.MODALITY_PHOTO)
    with encoder_process(tmp_path, drain_seconds=0.2, decode_seconds=1000) as running:
        async with open_channel(ChannelSettings(running.target)) as channel:
            stub = EncoderServiceStub(channel)
            calls = [stub.Embed(pb.EmbedRequest(images=[slow] * 60), timeout=600) for _ in range(2)]
            await asyncio.to_thread(until_busy, running)
            running.process.send_signal(signal.SIGTERM)
            # To decode all would take minutes.
            assert await asyncio.to_thread(running.process.wait, 20) == 0
            for call in calls:
                with pytest.raises(grpc.aio.AioRpcError):
                    await call
