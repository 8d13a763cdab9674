"""The real parts with a gallery, and a real Prometheus that scrapes them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.artefacts import EncoderProcess, encoder_process, picture, tiny_model
from tests.deployment import ROOT
from tests.integration.deploy.ports import free_port
from tests.integration.deploy.prometheus import Prometheus, prometheus
from tests.integration.gallery.service import GalleryService
from tests.integration.search_service.stack import CLASSES, search_process


@dataclass(frozen=True)
class Watched:
    """The running parts, a client of their search, and the Prometheus that watches."""

    prometheus: Prometheus
    encoder: EncoderProcess
    qdrant: subprocess.Popen[bytes]
    target: str
    gallery: str
    new_picture: Callable[[], bytes]


@contextmanager
def watched_parts(folder: Path) -> Iterator[Watched]:
    """Run all parts with a gallery of 160 photos, and Prometheus beside them, in the context."""
    photos = folder / "photos"
    for number in range(160):
        path = photos / CLASSES[number % len(CLASSES)] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(number))
    (photos / "cat" / "bad.jpg").write_bytes(b"no picture")
    model = tiny_model(folder / "model", work=2)
    qdrant, metrics, ingest_metrics = free_port(), free_port(), free_port()
    with ExitStack() as stack:
        log = folder / "qdrant.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "sketchzoo",
                    "embedded-qdrant",
                    "--path",
                    str(folder / "storage"),
                    "--port",
                    str(qdrant),
                    "--metrics-port",
                    str(metrics),
                ],
                cwd=ROOT,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        stack.callback(process.wait)
        stack.callback(process.kill)
        encoder = stack.enter_context(encoder_process(model.folder, queue_calls=200))
        # Patient checks: a paused encoder must look slow, not away.
        search = stack.enter_context(
            search_process(encoder.target, f"http://127.0.0.1:{qdrant}", check_timeout_seconds=20)
        )
        parts = {
            "SKETCHZOO_ENCODER_TARGET": encoder.target,
            "SKETCHZOO_QDRANT_URL": f"http://127.0.0.1:{qdrant}",
        }
        gallery_metrics = free_port()
        (folder / "gallery").mkdir()
        gallery = stack.enter_context(
            GalleryService(folder / "gallery", parts, metrics_port=gallery_metrics)
        )
        watching = stack.enter_context(
            prometheus(
                folder / "prometheus",
                free_port(),
                {
                    "search": [f"127.0.0.1:{search.metrics_port}"],
                    "encoder": [f"127.0.0.1:{encoder.metrics_port}"],
                    "qdrant": [f"127.0.0.1:{metrics}"],
                    "ingest": [f"127.0.0.1:{ingest_metrics}"],
                    "gallery": [f"127.0.0.1:{gallery_metrics}"],
                },
            )
        )
        _ingest(photos, encoder.target, qdrant, ingest_metrics, watching)
        search.wait_serving(seconds=60)
        numbers = iter(range(1000, 10**9))
        yield Watched(
            watching,
            encoder,
            process,
            search.target,
            gallery.target,
            lambda: picture(next(numbers)),
        )


def _ingest(photos: Path, encoder: str, qdrant: int, metrics: int, watching: Prometheus) -> None:
    """Ingest, slowly enough to be scraped: half of the photos come through a pipe of urls."""
    environment = {
        **os.environ,
        "SKETCHZOO_ENCODER_TARGET": encoder,
        "SKETCHZOO_QDRANT_URL": f"http://127.0.0.1:{qdrant}",
        "SKETCHZOO_INGEST_METRICS_PORT": str(metrics),
    }
    command = [sys.executable, "-m", "sketchzoo", "ingest", str(photos)]
    slow = ["--calls-in-flight", "1", "--batch-size", "1", "--write-batch", "8"]
    slow += ["--chunk-photos", "4"]
    process = subprocess.Popen(
        [*command, *slow], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
    )
    # Paused now and then, it lives long enough for several scrapes of its page.
    seen = "count_over_time(sketchzoo_ingest_photos_total[1m]) > 4"
    end = time.monotonic() + 60
    while process.poll() is None and not watching.query(seen) and time.monotonic() < end:
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.15)
        process.send_signal(signal.SIGCONT)
        time.sleep(0.05)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
