"""Encoders: those that the job starts on the cluster, and the pool that a worker calls."""

import asyncio
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import ray
from pydantic import SecretStr

from sketchzoo.address import authority
from sketchzoo.encoder_client import PART, Embedded, EncoderClient, EncoderModel, ImageToEmbed
from sketchzoo.parent import end_with_parent
from sketchzoo.rpc import BETWEEN_PARTS, CallError, ChannelSettings, unavailable
from sketchzoo.rpc.tls import ClientTls
from sketchzoo_ingest.settings import IngestSettings

_START_SECONDS = 600.0
_ASK_SECONDS = 5.0
_STOP_SECONDS = 15.0
_PREFIX = "SKETCHZOO_ENCODER_"


class EncoderActor:
    """Holds an encoder's process on whatever machine and GPU Ray gives it."""

    def __init__(self, environment: Mapping[str, str], token: str) -> None:
        self._host: str = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call] # Ray's
        self._folder = tempfile.TemporaryDirectory(prefix="sketchzoo-encoder-")
        port_file = Path(self._folder.name) / "port"
        own = {
            f"{_PREFIX}HOST": self._host,
            f"{_PREFIX}PORT": "0",
            f"{_PREFIX}PORT_FILE": str(port_file),
            f"{_PREFIX}METRICS_PORT": "0",
            f"{_PREFIX}TOKEN": token,
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sketchzoo", "encoder"],
            env={**os.environ, **environment, **own},
            stdin=subprocess.DEVNULL,
            # A killed actor's encoder would keep its GPU.
            preexec_fn=partial(end_with_parent, signal.SIGTERM),  # noqa: PLW1509 - no lock
        )
        until = time.monotonic() + _START_SECONDS
        while not port_file.exists():
            if self._process.poll() is not None or time.monotonic() > until:
                self._process.kill()
                raise RuntimeError(f"the encoder ended with status {self._process.wait()}")
            time.sleep(0.1)
        self._port = int(port_file.read_text("utf-8"))

    def target(self) -> str:
        """Return where the encoder answers."""
        if self._process.poll() is not None:
            os._exit(1)  # Ray starts another
        return authority(self._host, self._port)

    def stop(self) -> None:
        """End the encoder."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()


@dataclass(frozen=True, slots=True)
class Line:
    """Where an encoder is called: at a target, or wherever an actor has it."""

    target: str = ""
    actor: Any = None
    token: str = ""


def start_encoders(settings: IngestSettings) -> list[Line]:
    """Start the job's own encoders; each serves when it answers."""
    token = secrets.token_urlsafe(24)
    environment = {name: v for name, v in os.environ.items() if name.startswith(_PREFIX)}
    actor = ray.remote(
        num_cpus=settings.ray_encoder_cpus,
        num_gpus=settings.ray_encoder_gpus,
        max_restarts=-1,
        max_task_retries=-1,
    )(EncoderActor)
    return [
        Line(actor=actor.remote(environment, token), token=token)
        for _ in range(settings.ray_encoders)
    ]


async def answering(lines: Sequence[Line]) -> None:
    """Return when the first of the job's own encoders serves; at once where it has none.

    Raises:
        RayError: it does not start.

    """
    starting = [
        asyncio.wrap_future(line.actor.target.remote().future()) for line in lines if line.actor
    ]
    if starting:
        done, _ = await asyncio.wait(starting, return_when=asyncio.FIRST_COMPLETED)
        for each in done:
            each.result()


def stop_encoders(lines: Sequence[Line]) -> None:
    """End the job's own encoders."""
    ending = [line.actor.stop.remote() for line in lines if line.actor is not None]
    if ending:
        ray.wait(ending, num_returns=len(ending), timeout=_STOP_SECONDS)


class EncoderPool:
    """Calls the encoder with the fewest calls under way; where one is away, another.

    Fits where `EncoderClient` does.
    """

    def __init__(self, settings: IngestSettings, lines: Sequence[Line]) -> None:
        self._settings = settings
        self._lines = list(lines)
        self._clients: dict[int, tuple[str, EncoderClient]] = {}
        self._under_way = [0] * len(self._lines)

    async def model(self, timeout_seconds: float) -> EncoderModel:
        """Return which model is served."""
        model: EncoderModel = await self._ask(lambda client: client.model(timeout_seconds))
        return model

    async def embed(self, images: Sequence[ImageToEmbed], timeout_seconds: float) -> Embedded:
        """Return each image's embedding, or why it has none, in order."""
        embedded: Embedded = await self._ask(lambda client: client.embed(images, timeout_seconds))
        return embedded

    async def close(self) -> None:
        """Close all connections."""
        for _, client in self._clients.values():
            await client.close()

    async def _ask(self, call: Any) -> Any:
        failure: CallError | None = None
        untried = set(range(len(self._lines)))
        while untried:
            place = min(untried, key=lambda each: (self._under_way[each], each))
            untried.remove(place)
            self._under_way[place] += 1
            try:
                return await call(await self._client(place, anew=failure is not None))
            except CallError as error:
                if error.code.name != "UNAVAILABLE":
                    raise
                failure = error
            finally:
                self._under_way[place] -= 1
        raise failure or unavailable(PART, "there is none")

    async def _client(self, place: int, *, anew: bool) -> EncoderClient:
        """Return a line's client; one that an actor has may lie elsewhere by now."""
        line = self._lines[place]
        target = line.target
        held = self._clients.get(place)
        if line.actor is not None and (held is None or anew):
            try:
                target = await asyncio.wait_for(line.actor.target.remote(), _ASK_SECONDS)
            except (TimeoutError, ray.exceptions.RayError) as error:
                raise unavailable(PART, f"it is not there yet: {error}") from error
        if held is not None and held[0] == (target or held[0]):
            return held[1]
        if held is not None:
            await held[1].close()
        client = EncoderClient(_channel(self._settings, target, line.token))
        self._clients[place] = (target, client)
        return client


def _channel(settings: IngestSettings, target: str, token: str) -> ChannelSettings:
    return ChannelSettings(
        target,
        None if token else ClientTls.of(settings, "encoder_"),
        token=SecretStr(token) if token else settings.encoder_token,
        max_message_bytes=settings.encoder_max_message_bytes,
        keepalive=BETWEEN_PARTS,
    )
