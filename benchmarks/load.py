"""The load generator: a gRPC client in a process of its own.

Open loop: calls start at a constant rate whether or not earlier ones have ended, and a
call's time counts from when it should have started, so that waiting counts ("coordinated
omission", G. Tene). Closed loop: a number of callers, each with one call at a time.
"""

import argparse
import asyncio
import contextlib
import functools
import itertools
import json
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from hdrh.histogram import HdrHistogram

from benchmarks.drawings import drawing
from sketchzoo.encoder.v1 import encoder_pb2
from sketchzoo.memory import keep_what_is_loaded
from sketchzoo.rpc import run_main
from sketchzoo.rpc.durations import seconds
from sketchzoo.search.v1 import search_pb2

_MICROSECOND = 1e-6
_LONGEST = 120_000_000
_PRIORITY = -10


def _histogram() -> HdrHistogram:
    return HdrHistogram(1, _LONGEST, 3)


@dataclass(slots=True)
class Tally:
    """What became of the calls: times of the answered and of the refused, codes."""

    answered: HdrHistogram = field(default_factory=_histogram)
    refused: HdrHistogram = field(default_factory=_histogram)
    codes: Counter[str] = field(default_factory=Counter)
    retry_info: int = 0
    health: Counter[str] = field(default_factory=Counter)

    def as_json(self, seconds: float) -> dict[str, Any]:
        """Return rates in calls a second and times in seconds."""
        return {
            "seconds": seconds,
            "codes": dict(self.codes),
            "answered_per_second": self.codes["OK"] / seconds,
            "refused_with_retry_info": self.retry_info,
            "health": dict(self.health),
            "answered": _quantiles(self.answered),
            "refused": _quantiles(self.refused),
        }


def _quantiles(histogram: HdrHistogram) -> dict[str, float]:
    return {
        name: histogram.get_value_at_percentile(percentile) * _MICROSECOND
        for name, percentile in (("p50", 50), ("p95", 95), ("p99", 99), ("max", 100))
    }


Call = Callable[[int], Awaitable[Any]]


def calls_of(
    kind: str, channels: Sequence[grpc.aio.Channel], folder: Path, timeout: float, images: int
) -> Call:
    """Return the call to repeat, each index by one of the channels in turn.

    `embed` and `embed-photo` send `images` files a call, `search` a sketch's file,
    `strokes` a drawing. Messages go as bytes made beforehand where they can: the client
    shares the cores with what it measures.
    """
    contents = [path.read_bytes() for path in sorted(folder.rglob("*.*")) if path.is_file()]
    if kind.startswith("embed"):
        modality = (
            encoder_pb2.MODALITY_PHOTO if kind == "embed-photo" else encoder_pb2.MODALITY_SKETCH
        )
        files = [encoder_pb2.Image(content=content, modality=modality) for content in contents]
        embeds = [
            encoder_pb2.EmbedRequest(
                images=[files[(start + offset) % len(files)] for offset in range(images)]
            ).SerializeToString()
            for start in range(0, len(files), images)
        ]
        embed = _by_turns(channels, "/sketchzoo.encoder.v1.EncoderService/Embed")
        return lambda index: embed(index)(embeds[index % len(embeds)], timeout=timeout)
    search = _by_turns(channels, "/sketchzoo.search.v1.SearchService/Search")

    # No run, nor the same run's warming, may find its queries in a cache.
    first = int.from_bytes(os.urandom(6), "little")
    numbers = itertools.count(first)

    def request(index: int) -> bytes:
        number = next(numbers)
        if kind == "strokes":
            query = search_pb2.Query(strokes=drawing(number))
        else:
            # A few bytes after the image's end change its hash.
            content = contents[index % len(contents)] + number.to_bytes(8, "little")
            query = search_pb2.Query(sketch=content)
        return search_pb2.SearchRequest(query=query).SerializeToString()

    return lambda index: search(index)(request(index), timeout=timeout)


def _by_turns(channels: Sequence[grpc.aio.Channel], method: str) -> Callable[[int], Any]:
    """Return what calls a method; a caller of as many as there are channels keeps to his."""
    calls = [channel.unary_unary(method, None, None) for channel in channels]
    return lambda index: calls[index % len(calls)]


@contextlib.asynccontextmanager
async def connected(target: str, connections: int) -> AsyncIterator[list[grpc.aio.Channel]]:
    """Open channels, each with a connection of its own where there are several.

    A server of several processes gives a connection to one of them.
    """
    options = [("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
    async with contextlib.AsyncExitStack() as opened:
        yield [
            await opened.enter_async_context(grpc.aio.insecure_channel(target, options=options))
            for _ in range(connections)
        ]


async def watch_health(channel: grpc.aio.Channel, tally: Tally) -> None:
    """Count what health says four times a second, until cancelled."""
    stub: Any = health_pb2_grpc.HealthStub(channel)
    while True:
        try:
            answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=2)
            state = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
        except grpc.aio.AioRpcError as error:
            state = error.code().name
        tally.health[state] += 1
        await asyncio.sleep(0.25)


async def _one(call: Call, index: int, due: float, tally: Tally) -> float | None:
    """Make one call; return the seconds until it may be repeated where it was refused."""
    sent = time.perf_counter()
    try:
        await call(index)
    except grpc.aio.AioRpcError as error:
        tally.codes[error.code().name] += 1
        # A refusal's time is the server's: from the sending, whenever that was due.
        spent = time.perf_counter() - sent
        tally.refused.record_value(max(1, round(spent / _MICROSECOND)))
        pause = _retry_seconds(error)
        tally.retry_info += pause is not None
        return pause
    else:
        tally.codes["OK"] += 1
        spent = time.perf_counter() - due
        tally.answered.record_value(max(1, round(spent / _MICROSECOND)))
        return None


def _retry_seconds(error: grpc.aio.AioRpcError) -> float | None:
    """Return what the answer's RetryInfo says, None where it has none."""
    trailing: Any = error.trailing_metadata() or ()
    return _pause(dict(trailing).get("grpc-status-details-bin") or b"")


# Refusals are alike, and reading them costs the services' cores.
@functools.lru_cache(maxsize=1000)
def _pause(details: bytes) -> float | None:
    for detail in status_pb2.Status.FromString(details).details:
        found: Any = error_details_pb2.RetryInfo()
        if detail.Unpack(found):
            return seconds(found.retry_delay)
    return None


async def open_loop(call: Call, rate: float, seconds: float, tally: Tally) -> Tally:
    """Start `rate` calls a second for `seconds`; return when all have ended."""
    tasks = set[asyncio.Task[float | None]]()
    start = time.perf_counter()
    for index in range(round(rate * seconds)):
        due = start + index / rate
        # Also when it is late: answers that have come must not wait for calls to be sent.
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        task = asyncio.create_task(_one(call, index, due, tally))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    return tally


async def closed_loop(call: Call, callers: int, seconds: float) -> Tally:
    """Let `callers` call one after the other for `seconds`.

    One that is refused comes back when he is told to; his time counts from his first try.
    """
    tally = Tally()
    end = time.perf_counter() + seconds

    async def caller(offset: int) -> None:
        index = offset
        while (due := time.perf_counter()) < end:
            pause = await _one(call, index, due, tally)
            while pause is not None and time.perf_counter() < end:
                await asyncio.sleep(pause)
                pause = await _one(call, index, due, tally)
            index += callers

    await asyncio.gather(*(caller(offset) for offset in range(callers)))
    return tally


async def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Warm up for a moment, then load; return the tally as JSON's types."""
    async with connected(arguments.target, arguments.connections) as channels:
        call = calls_of(
            arguments.kind, channels, arguments.folder, arguments.timeout, arguments.images
        )
        await closed_loop(call, arguments.callers or 2 * arguments.connections, arguments.warm)
        start = time.perf_counter()
        if arguments.rate:
            tally = Tally()
            watching = asyncio.create_task(watch_health(channels[0], tally))
            await open_loop(call, arguments.rate, arguments.seconds, tally)
            watching.cancel()
        else:
            tally = await closed_loop(call, arguments.callers, arguments.seconds)
        return tally.as_json(time.perf_counter() - start)


def main() -> None:
    """Load a server as the arguments say; print what came of it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["embed", "embed-photo", "search", "strokes"])
    parser.add_argument("target")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rate", type=float, default=0.0, help="calls a second: open loop")
    parser.add_argument("--callers", type=int, default=0, help="callers: closed loop")
    parser.add_argument(
        "--connections",
        type=int,
        default=1,
        help="callers take turns at them; as many as callers gives each his own",
    )
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--images", type=int, default=1, help="images a call (embed)")
    parser.add_argument("--warm", type=float, default=1.0)
    parser.add_argument("--timeout", type=float, default=5.0)
    arguments = parser.parse_args()
    if arguments.connections < 1:
        parser.error("--connections must be at least 1")
    if bool(arguments.rate) == bool(arguments.callers):
        parser.error("give --rate or --callers")
    # It stands for callers on other machines, who would not wait for the services' cores.
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, _PRIORITY)
    # Nor does this client's own pause belong to an answer's time.
    keep_what_is_loaded()
    json.dump(run_main(run(arguments)), sys.stdout)


if __name__ == "__main__":
    main()
