"""The load generator: a gRPC client in a process of its own.

Open loop: calls start at a constant rate whether or not earlier ones have ended, and a
call's time counts from when it should have started, so that waiting counts ("coordinated
omission", G. Tene). Closed loop: a number of callers, each with one call at a time.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from sketchzoo.encoder.v1 import encoder_pb2
from sketchzoo.load import Tally, by_turns, call_once, connected, drawing, offsets, open_loop
from sketchzoo.load.open_loop import Call
from sketchzoo.memory import keep_what_is_loaded
from sketchzoo.rpc import ChannelSettings, run_main
from sketchzoo.search.v1 import search_pb2

_PRIORITY = -10
_MOST_UNDER_WAY = 100_000


def as_json(tally: Tally, health: Counter[str], seconds: float) -> dict[str, Any]:
    """Return rates in calls a second and times in seconds."""
    return {
        **tally.as_json(),
        "seconds": seconds,
        "answered_per_second": tally.ok / seconds,
        "health": dict(health),
    }


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
        embed = by_turns(channels, "/sketchzoo.encoder.v1.EncoderService/Embed")
        return lambda index: embed(index)(embeds[index % len(embeds)], timeout=timeout)
    search = by_turns(channels, "/sketchzoo.search.v1.SearchService/Search")

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


async def watch_health(channel: grpc.aio.Channel, health: Counter[str]) -> None:
    """Count what health says four times a second, until cancelled."""
    stub: Any = health_pb2_grpc.HealthStub(channel)
    while True:
        try:
            answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=2)
            state = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
        except grpc.aio.AioRpcError as error:
            state = error.code().name
        health[state] += 1
        await asyncio.sleep(0.25)


async def closed_loop(call: Call, callers: int, seconds: float) -> Tally:
    """Let `callers` call one after the other for `seconds`.

    One that is refused comes back when he is told to; his time counts from his first try.
    """
    tally = Tally()
    end = time.perf_counter() + seconds

    async def caller(offset: int) -> None:
        index = offset
        while (due := time.perf_counter()) < end:
            pause = await call_once(call, index, due, tally)
            while pause is not None and time.perf_counter() < end:
                await asyncio.sleep(pause)
                pause = await call_once(call, index, due, tally)
            index += callers

    await asyncio.gather(*(caller(offset) for offset in range(callers)))
    return tally


async def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Warm up for a moment, then load; return the tally as JSON's types."""
    settings = ChannelSettings(arguments.target)
    async with connected(settings, arguments.connections) as channels:
        call = calls_of(
            arguments.kind, channels, arguments.folder, arguments.timeout, arguments.images
        )
        await closed_loop(call, arguments.callers or 2 * arguments.connections, arguments.warm)
        start = time.perf_counter()
        health = Counter[str]()
        if arguments.rate:
            tally = Tally()
            watching = asyncio.create_task(watch_health(channels[0], health))
            due = offsets("fixed", arguments.rate, arguments.seconds)
            await open_loop(call, due, tally, most_under_way=_MOST_UNDER_WAY)
            watching.cancel()
        else:
            tally = await closed_loop(call, arguments.callers, arguments.seconds)
        return as_json(tally, health, time.perf_counter() - start)


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
