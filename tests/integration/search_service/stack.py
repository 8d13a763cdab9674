"""The real stack as processes: an encoder, an embedded Qdrant and the search service."""

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from sketchzoo.call_settings import QdrantSettings
from sketchzoo.encoder.v1 import encoder_pb2, encoder_pb2_grpc
from sketchzoo.qdrant import GeoPoint, Photo, PhotoWriter, SeenClass, connect
from sketchzoo.rpc import ChannelSettings, open_channel
from tests.artefacts import picture

BEGINNING = datetime(2024, 6, 1, tzinfo=UTC)
CLASSES = ("cat", "dog", "owl", "yak")
SERVICE = "sketchzoo.search.v1.SearchService"


@dataclass(slots=True)
class SearchProcess:
    """A running `sketchzoo search`: where it listens, and what it has logged."""

    process: subprocess.Popen[bytes]
    port: int = 0
    metrics_port: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def target(self) -> str:
        """Its gRPC name."""
        return f"127.0.0.1:{self.port}"

    def serving(self) -> bool:
        """Ask its health; False as well while it does not answer."""
        with grpc.insecure_channel(self.target) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            request = health_pb2.HealthCheckRequest(service=SERVICE)
            try:
                answer = stub.Check(request, timeout=5)
            except grpc.RpcError:
                return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    def wait_serving(self, *, state: bool = True, seconds: float = 30.0) -> float:
        """Wait until health says so; return how many seconds that took."""
        start = time.monotonic()
        while self.serving() is not state:
            assert time.monotonic() < start + seconds, f"serving is not {state}: {self.events}"
            time.sleep(0.02)
        return time.monotonic() - start


@contextmanager
def search_process(encoder: str, qdrant_url: str, **settings: Any) -> Iterator[SearchProcess]:
    """Start `sketchzoo search` and wait until it listens; killed at the end if need be."""
    values = {"port": 0, "metrics_port": 0, **settings}
    environment = {
        **os.environ,
        "SKETCHZOO_LOG_FORMAT": "json",
        "SKETCHZOO_ENCODER_TARGET": encoder,
        "SKETCHZOO_QDRANT_URL": qdrant_url,
        **{f"SKETCHZOO_SEARCH_{key}".upper(): str(value) for key, value in values.items()},
    }
    process = subprocess.Popen(
        [sys.executable, "-c", "from sketchzoo.cli import main; main()", "search"],
        env=environment,
        stderr=subprocess.PIPE,
    )
    running = SearchProcess(process)
    listening = threading.Event()
    reader = threading.Thread(target=_read, args=(running, listening))
    reader.start()
    try:
        assert listening.wait(60), "the search service did not start"
        assert running.port, f"the search service did not come up: {running.events}"
        yield running
    finally:
        process.kill()
        process.wait()
        reader.join()


def _read(running: SearchProcess, listening: threading.Event) -> None:
    stream = running.process.stderr
    assert stream is not None
    for line in stream:
        try:
            event = json.loads(line)
        except ValueError:
            event = {"event": line.decode(errors="replace").strip()}
        running.events.append(event)
        if event["event"] == "serving":
            running.port = event["port"]
            running.metrics_port = event["metrics_port"]
            listening.set()
    stream.close()
    listening.set()


def write_photos(folder: Path, count: int) -> list[Path]:
    """Draw photos into a folder per class."""
    paths = []
    for number in range(count):
        path = folder / CLASSES[number % len(CLASSES)] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(number))
        paths.append(path)
    return paths


async def fill(
    encoder: str, qdrant_url: str, paths: Sequence[Path], *, publish: bool = True
) -> dict[str, Photo]:
    """Write photos into the collection of the encoder's model; return them by id."""
    connection = connect(QdrantSettings(qdrant_url=qdrant_url))
    try:
        async with open_channel(ChannelSettings(encoder)) as channel:
            stub: Any = encoder_pb2_grpc.EncoderServiceStub(channel)
            model = await stub.GetModel(
                encoder_pb2.GetModelRequest(), timeout=60, wait_for_ready=True
            )
            contents = [path.read_bytes() for path in paths]
            vectors = []
            for start in range(0, len(contents), 64):
                images = [
                    encoder_pb2.Image(content=content, modality=encoder_pb2.MODALITY_PHOTO)
                    for content in contents[start : start + 64]
                ]
                answer = await stub.Embed(encoder_pb2.EmbedRequest(images=images), timeout=60)
                vectors += [result.embedding.vector for result in answer.results]
        photos = [
            Photo(
                path.parent.name,
                path.as_uri(),
                hashlib.sha256(content).hexdigest(),
                64,
                48,
                folder=("2024/spring", "2024/summer/lake", "")[number % 3],
                taken_at=BEGINNING + timedelta(days=number) if number % 4 else None,
                location=GeoPoint(45 + number / 50, (350 + number / 10) % 360 - 180)
                if number % 5
                else None,
                rating=number % 7 - 1,
                seen=SeenClass("heron", 0.75) if number % 2 else None,
                payload={"number": number, "tame": number % 3 == 0, "licence": f"L{number % 5}"},
            )
            for number, (path, content) in enumerate(zip(paths, contents, strict=True))
        ]
        writer = PhotoWriter(connection, "photos")
        collection = await writer.open(model.fingerprint, model.dimension)
        await writer.upsert(
            collection,
            [
                (photo, memoryview(vector).cast("f").tolist())
                for photo, vector in zip(photos, vectors, strict=True)
            ],
        )
        if publish:
            await writer.publish(collection)
    finally:
        await connection.close()
    return {photo.id: photo for photo in photos}
