"""An encoder process whose device fails: what its callers, health and orchestrator see."""

import asyncio
import sys
from pathlib import Path

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from sketchzoo.encoder.v1 import encoder_pb2 as pb
from sketchzoo.encoder.v1.encoder_pb2_grpc import EncoderServiceStub
from sketchzoo.rpc import ChannelSettings, open_channel
from tests.artefacts import encoder_process, picture, tiny_model
from tests.integration.group.family import members, own_channel, until

COMMAND = (sys.executable, "-m", "tests.integration.encoder_service.breaking")
REQUEST = pb.EmbedRequest(images=[pb.Image(content=picture(), modality=pb.MODALITY_PHOTO)])


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("error", "cuda:0: CUDA error: an illegal memory access"),
        ("hang", "a run of the model has had no answer for 0.5 s"),
        ("thread", "the thread batch-0 died: SystemExit('gone')"),
    ],
)
async def test_a_broken_encoder_says_so_and_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, reason: str
) -> None:
    """Health is NOT_SERVING, calls under way UNAVAILABLE, one line in the log, exit status 1."""
    tiny_model(tmp_path)
    monkeypatch.setenv("BREAKS", how)
    with encoder_process(
        tmp_path, command=COMMAND, device_timeout_seconds=0.5, drain_seconds=30, processes=1
    ) as running:
        async with open_channel(ChannelSettings(running.target)) as channel:
            watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
            serving = health_pb2.HealthCheckResponse
            assert (await watch.read()).status == serving.SERVING
            stub = EncoderServiceStub(channel)
            assert (await stub.Embed(REQUEST, timeout=30)).results[0].HasField("embedding")
            calls = [stub.Embed(REQUEST, timeout=30) for _ in range(9)]
            assert (await watch.read()).status == serving.NOT_SERVING
            watch.cancel()
            for call in calls:
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await call
                assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert await asyncio.to_thread(running.process.wait, 20) == 1
    told = [event for event in running.events if event.get("level") == "error"]
    assert [event.get("reason", event) for event in told] == [reason]


async def test_of_a_group_the_broken_process_alone_ends_and_is_started_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others go on, and so does the parent; its log has the status."""
    tiny_model(tmp_path)
    monkeypatch.setenv("BREAKS", "error")
    with encoder_process(tmp_path, command=COMMAND, processes=2) as running:
        parent = running.process.pid
        before = set(members(parent))
        async with own_channel(running.target) as channel:
            stub = EncoderServiceStub(channel)
            assert (await stub.Embed(REQUEST, timeout=30)).results[0].HasField("embedding")
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.Embed(REQUEST, timeout=30)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        await asyncio.to_thread(until, lambda: len(before - set(members(parent))) == 1, "an end")
        async with own_channel(running.target) as channel:
            answer = await EncoderServiceStub(channel).Embed(REQUEST, timeout=30)
            assert answer.results[0].HasField("embedding")
        await asyncio.to_thread(until, lambda: len(set(members(parent)) - before) == 1, "a start")
        assert len(before & set(members(parent))) == 1
        assert running.process.poll() is None
    ended = [event for event in running.events if event.get("event") == "process ended"]
    assert [event["status"] for event in ended] == [1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--device", "cuda:7"], "sketchzoo encoder: device cuda:7: "),
        (["--precision", "bfloat16"], "is not one of 'auto', 'float32', 'float16'"),
    ],
)
async def test_what_cannot_be_run_is_one_line_and_exit_2(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    """No traceback, no encoder that falls back in silence."""
    tiny_model(tmp_path)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sketchzoo", "encoder", "--runtime", "torch", "--port", "0"),
        *("--metrics-port", "0", "--model", str(tmp_path), *arguments),
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 2
    *usage, line = errors.decode().splitlines()
    assert said in line
    assert not any("Traceback" in each for each in usage)
