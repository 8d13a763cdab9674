"""`sketchzoo encoder` as several processes on one port: shared, killed, restarted, stopped."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from sketchzoo.encoder.v1 import encoder_pb2 as pb
from sketchzoo.encoder.v1.encoder_pb2_grpc import EncoderServiceStub
from tests.artefacts import COMMAND, EncoderProcess, encoder_process, picture, tiny_model
from tests.integration.group.family import (
    family,
    is_gone,
    members,
    memory,
    metrics_folders,
    own_channel,
    page,
    until,
)

REQUEST = pb.EmbedRequest(images=[pb.Image(content=picture(), modality=pb.MODALITY_PHOTO)])
EMBED = "sketchzoo.encoder.v1.EncoderService/Embed"
OK = 'sketchzoo_encoder_images_total{modality="photo",outcome="ok"}'

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="others share no connections out"),
    # Starting several processes takes a busy machine minutes.
    pytest.mark.timeout(300),
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("model")).folder


@pytest.fixture(scope="module")
def group(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EncoderProcess]:
    """Two processes on a free port, for tests that leave them as they are."""
    file = tmp_path_factory.mktemp("port") / "port"
    settings = {"processes": 2, "workers": 4, "port_file": file, "host": "::", "drain_seconds": 0.1}
    with encoder_process(model, **settings) as running:
        assert file.read_text() == f"{running.port}\n"
        yield running


async def embed(channel: grpc.aio.Channel) -> pb.EmbedResponse:
    return await EncoderServiceStub(channel).Embed(REQUEST, timeout=30, wait_for_ready=True)


def who_answered(running: EncoderProcess) -> set[int]:
    events = list(running.events)
    return {each["process"] for each in events if each.get("method") == EMBED}


def logged(running: EncoderProcess, event: str) -> list[dict[str, Any]]:
    return [each for each in list(running.events) if each["event"] == event]


def has_lost(running: EncoderProcess, count: int) -> bool:
    return len(logged(running, "process ended")) == count


def started(running: EncoderProcess) -> float:
    shown = page(running.metrics_port).items()
    names = ("grpc_server_started_total", 'grpc_method="Embed"')
    return sum(value for series, value in shown if all(name in series for name in names))


def command(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, "encoder", "--metrics-port", "0", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def own_words(stderr: str) -> list[str]:
    """Return the lines that are no events of the log."""
    return [line for line in stderr.splitlines() if not line.startswith("{")]


async def test_connections_reach_each_process_and_one_page_sums_them(
    group: EncoderProcess,
) -> None:
    """Calls are counted whoever answers; workers are the group's; what runs is said once."""
    before = page(group.metrics_port).get(OK, 0)
    channels = [own_channel(group.target) for _ in range(24)]
    answers = await asyncio.gather(*(embed(channel) for channel in channels))
    model = await EncoderServiceStub(channels[0]).GetModel(pb.GetModelRequest(), timeout=30)
    for channel in channels:
        await channel.close()
    assert all(answer.results[0].HasField("embedding") for answer in answers)
    assert model.processes == 2
    await asyncio.to_thread(until, lambda: who_answered(group) == {0, 1}, "one answered all")
    shown = page(group.metrics_port)
    assert shown[OK] == before + 24
    await asyncio.to_thread(
        until, lambda: page(group.metrics_port)["sketchzoo_encoder_workers"] == 4, "workers"
    )
    assert len([series for series in shown if series.startswith("sketchzoo_build_info")]) == 1
    assert shown['sketchzoo_rpc_held{what="calls"}'] >= 0
    assert shown["sketchzoo_encoder_queue_length"] == 0


def test_the_page_adds_up_the_processes(group: EncoderProcess) -> None:
    """Memory, time and files are those of the parent and its children together."""
    shown = page(group.metrics_port)
    parent = group.process.pid
    alone = memory(parent)
    assert len(members(parent)) == 2
    assert shown["process_resident_memory_bytes"] > 2 * alone
    assert shown["process_cpu_seconds_total"] > 0
    assert shown["process_open_fds"] > len(list(Path(f"/proc/{parent}/fd").iterdir()))


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_groups_port_is_taken(group: EncoderProcess, model: Path, processes: str) -> None:
    """Neither a process alone nor another group shares it unseen: one line, exit 2."""
    arguments = ("--port", str(group.port), "--processes", processes, "--model", str(model))
    done = command(*arguments)
    assert done.returncode == 2
    assert own_words(done.stderr) == [
        f"sketchzoo encoder: cannot listen on 127.0.0.1:{group.port}: the port is taken"
    ]


def test_a_group_finds_a_taken_port(model: Path) -> None:
    """What listens there already is no group's: one line, exit 2, no process started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = command("--port", str(port), "--processes", "2", "--model", str(model))
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f"sketchzoo encoder: cannot listen on 127.0.0.1:{port}: the port is taken"
    ]


async def test_a_group_answers_on_each_address(group: EncoderProcess) -> None:
    """`::` takes IPv4 too."""
    for target in (f"127.0.0.1:{group.port}", f"[::1]:{group.port}"):
        async with own_channel(target) as channel:
            assert (await embed(channel)).results[0].HasField("embedding")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--model", "/nowhere"), "/nowhere is no folder: give a model artefact's"),
        (
            ("--tls-certificate", "/nowhere.pem", "--tls-key", "/nowhere.key"),
            "/nowhere.pem: No such file or directory",
        ),
    ],
)
def test_what_no_process_can_use_is_one_line(
    model: Path, arguments: Sequence[str], said: str
) -> None:
    """However many find it: the parent says it once and ends with 2."""
    done = command("--port", "0", "--processes", "2", "--model", str(model), *arguments)
    assert done.returncode == 2
    (line,) = own_words(done.stderr)
    assert line.startswith("sketchzoo encoder: ")
    assert said in line


async def test_a_killed_process_comes_back_and_no_other_notices(model: Path) -> None:
    """Its callers get UNAVAILABLE, and an answer when they call again; counters go on.

    When processes end again and again the group ends, with status 1 and one line.
    """
    with encoder_process(model, processes=2, queue_calls=64) as running:
        channels = [own_channel(running.target) for _ in range(12)]
        await asyncio.gather(*(embed(channel) for channel in channels))
        codes: list[set[grpc.StatusCode]] = [set() for _ in channels]
        over = asyncio.Event()

        async def load(channel: grpc.aio.Channel, seen: set[grpc.StatusCode]) -> None:
            while not over.is_set():
                try:
                    await EncoderServiceStub(channel).Embed(REQUEST, timeout=30)
                    seen.add(grpc.StatusCode.OK)
                except grpc.aio.AioRpcError as error:
                    seen.add(error.code())
                    await embed(channel)  # again: someone answers

        before = page(running.metrics_port)[OK]
        loads = [asyncio.create_task(load(*each)) for each in zip(channels, codes, strict=True)]
        victim = members(running.process.pid)[0]
        os.kill(victim, signal.SIGKILL)
        await asyncio.to_thread(until, lambda: len(logged(running, "listening")) == 3, "no third")
        over.set()
        await asyncio.gather(*loads)
        ended = logged(running, "process ended")
        assert [each["status"] for each in ended] == [-signal.SIGKILL]
        untouched = [seen for seen in codes if seen == {grpc.StatusCode.OK}]
        others = [seen for seen in codes if seen != {grpc.StatusCode.OK}]
        assert untouched
        assert others
        assert all(seen <= {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE} for seen in others)
        assert page(running.metrics_port)[OK] >= before
        for channel in channels:
            await channel.close()
        assert victim not in members(running.process.pid)
        for count in range(2, 5):
            await asyncio.to_thread(
                until, lambda: len(members(running.process.pid)) == 2, "not started anew"
            )
            os.kill(members(running.process.pid)[0], signal.SIGKILL)
            await asyncio.to_thread(until, partial(has_lost, running, count), "not logged")
        assert await asyncio.to_thread(running.process.wait, 60) == 1
        last = running.events[-1]["event"]
        assert last.startswith("sketchzoo encoder: 4 processes have ended within 60 s")


def test_killed_it_leaves_no_process(model: Path) -> None:
    """After kill -9 of the parent its children end at once, and the port is free again."""
    with encoder_process(model, processes=2) as running:
        children = family(running.process.pid)
        assert len(children) >= 2
        assert metrics_folders(running.process.pid)
        running.process.kill()
        running.process.wait()
        until(lambda: all(map(is_gone, children)), "children go on", 20)
        with socket.create_server(("127.0.0.1", running.port)):
            pass
        assert not metrics_folders(running.process.pid)


async def test_sigterm_lets_calls_under_way_end(model: Path, tmp_path: Path) -> None:
    """Each process drains; a second SIGTERM, as some give to all of a group, cuts none off."""
    slow = tiny_model(tmp_path / "slow", work=10).folder
    request = pb.EmbedRequest(images=list(REQUEST.images) * 10)
    settings = {"processes": 2, "workers": 2, "queue_calls": 64, "drain_seconds": 60}
    with encoder_process(slow, **settings) as running:
        channels = [own_channel(running.target) for _ in range(4)]
        calls = [EncoderServiceStub(channel).Embed(request, timeout=60) for channel in channels]
        await asyncio.to_thread(until, lambda: started(running) == 4, "calls do not arrive")
        for pid in members(running.process.pid):
            os.kill(pid, signal.SIGTERM)
        running.process.send_signal(signal.SIGTERM)
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert await asyncio.to_thread(running.process.wait, 60) == 0
        for channel in channels:
            await channel.close()
    for answer in answers:
        assert isinstance(answer, pb.EmbedResponse), answer
        assert len(answer.results) == 10


def test_ctrl_c_stops_all_without_a_traceback(model: Path) -> None:
    """A terminal's Ctrl-C reaches every process: each says once that it stopped, exit 0."""
    arguments = ["encoder", "--port", "0", "--processes", "2", "--model", str(model)]
    process = subprocess.Popen(
        [*COMMAND, *arguments, "--metrics-port", "0", "--log-format", "json"],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    with process.stderr as lines:
        said = []
        for line in lines:
            said.append(line)
            if '"serving"' in line:
                os.killpg(process.pid, signal.SIGINT)
    assert process.wait(60) == 0
    assert not own_words("".join(said))
    assert len([line for line in said if '"stopped"' in line]) == 3


def test_a_process_that_hangs_is_ended(group: EncoderProcess) -> None:
    """What does not end in time is killed: status 1, and a line that says so."""
    victim = members(group.process.pid)[1]
    os.kill(victim, signal.SIGSTOP)
    group.process.terminate()
    assert group.process.wait(60) == 1
    assert is_gone(victim)
    said = "sketchzoo encoder: killed, since asked to end it went on: process 1"
    until(lambda: logged(group, said), "not said")
