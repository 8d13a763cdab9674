"""Dashboards, rules and alerts on a real Prometheus that scrapes the real parts."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from sketchzoo.client import Client, GalleryClient
from sketchzoo.client.errors import SearchError
from tests.artefacts import EncoderProcess, encoder_process, picture, tiny_model
from tests.deployment import ROOT
from tests.integration.deploy.ports import free_port
from tests.integration.deploy.prometheus import (
    Prometheus,
    filled,
    panels,
    prometheus,
    shortened,
)
from tests.integration.gallery.service import GalleryService
from tests.integration.search_service.stack import CLASSES, search_process

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(500),
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is missing"),
]

# What has no data here, and why that is right.
EMPTY = {
    "grpc_responses_total": "only a Qdrant server has it",
    "grpc_responses_duration_seconds_bucket": "only a Qdrant server has it",
    "collection_points": "only a Qdrant server has it",
    "memory_resident_bytes": "only a Qdrant server has it",
    "sketchzoo_ingest_retries_total": "no call had to be made again",
    "sketchzoo_qdrant_index_builds_total": "the gallery is too small for an index",
}
# Alerts whose expression has no series while all is well, and why that is right.
QUIET_ALERTS = {
    "SketchzooPartAbsent": "each part is known",
    "SketchzooGalleryFails": "no photo failed that was one",
    "QdrantCallsFail": "no call to Qdrant failed; below it is made to fire",
}
LATENCY = {"SearchLatencyBurnFast", "SearchLatencyBurnMedium"}


@dataclass(frozen=True)
class Watched:
    """The running parts, a client of their search, and the Prometheus that watches."""

    prometheus: Prometheus
    encoder: EncoderProcess
    qdrant: subprocess.Popen[bytes]
    target: str
    gallery: str
    new_picture: Callable[[], bytes]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
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


@pytest.fixture
def traffic(watched: Watched) -> Iterator[None]:
    """Good, bad, empty and late searches, and photos that come and go, all the while."""
    stop = threading.Event()
    options: list[dict[str, Any]] = [{}, {}, {"min_score": 1.0}, {"classes": ["cat"]}]

    def run() -> None:
        turn = 0
        with (
            Client(watched.target, timeout=30, retries=0) as client,
            GalleryClient(watched.gallery, timeout=30) as gallery,
        ):
            while not stop.wait(0.05):
                turn += 1
                with suppress(SearchError):
                    client.search(watched.new_picture(), **options[turn % len(options)])
                with suppress(SearchError):
                    if turn % 20 == 0:
                        client.search(b"no picture")
                    elif turn % 97 == 0:
                        client.search(watched.new_picture(), timeout=0.001)
                    elif turn % 30 == 7:
                        for added in gallery.add([watched.new_picture(), b"no picture"]):
                            if added.photo_id:
                                gallery.delete([added.photo_id])

    thread = threading.Thread(target=run)
    thread.start()
    yield
    stop.set()
    thread.join()


def expressions() -> list[tuple[str, str]]:
    """Return where each expression of a panel or recording rule stands, and itself."""
    return [
        (f"{dashboard}: {panel['title']}", filled(target["expr"]))
        for dashboard, panel in panels()
        for target in panel["targets"]
    ]


def rules(name: str) -> list[dict[str, Any]]:
    groups = yaml.safe_load((ROOT / "deploy/prometheus/rules" / name).read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def names(expression: str) -> set[str]:
    """Return the metrics that an expression asks for."""
    return set(
        re.findall(r"\b(?:up|(?:sketchzoo|grpc|process|memory|collection)[_:][\w:]+)\b", expression)
    ) - {
        "grpc_method",
        "grpc_code",
        "grpc_type",
    }


def has_data(watching: Prometheus, expression: str, seconds: float = 45) -> bool:
    """Ask until there is data; a rate needs two scrapes, a recorded one a rule's round more."""
    end = time.monotonic() + seconds
    while not watching.query(expression):
        if time.monotonic() > end:
            return False
        time.sleep(0.5)
    return True


@pytest.mark.usefixtures("traffic")
def test_every_expression_has_data(watched: Watched) -> None:
    """Each panel's and rule's expression, or one of its metrics is empty for a listed reason."""
    watching = watched.prometheus
    empty = []
    listed = []
    for where, expression in expressions():
        if names(expression) & set(EMPTY):
            listed.append((where, expression))
        # Ingest has ended: what it showed is looked for while it ran.
        elif not has_data(watching, past(expression) if "ingest" in expression else expression):
            empty.append((where, expression))
    empty += [
        (rule["record"], rule["expr"])
        for rule in rules("recording.yml")
        if not has_data(watching, rule["record"])
    ]
    empty += [
        (rule["alert"], name)
        for rule in rules("alerts.yml")
        for name in names(rule["expr"])
        if not has_data(watching, f"last_over_time({name}[10m])")
    ]
    assert empty == []
    for where, expression in listed:
        assert watching.query(expression) == [], f"{where} has data: take it off EMPTY"
    for rule in rules("alerts.yml"):
        expression = compared(shortened(rule["expr"]))
        if rule["alert"].startswith("Ingest"):
            expression = past(expression)
        if has_data(watching, expression, 10) == (rule["alert"] in QUIET_ALERTS):
            empty.append(rule["alert"])
    assert empty == []
    states = watching.get("rules")["groups"]
    assert [r["name"] for g in states for r in g["rules"] if r["health"] != "ok"] == []


def compared(expression: str) -> str:
    """Return an alert's whole expression with each comparison answered by 0 or 1.

    It has data exactly where every operand has, and where their labels meet.
    """
    return re.sub(r"(?<= )(>|<|==)(?= )", r"\1 bool", re.sub(r"\s+", " ", expression))


def past(expression: str) -> str:
    """Return the largest number of series that an expression had in the last minutes."""
    return f"max_over_time(count({expression})[5m:1s]) > 0"


def test_a_scrape_is_openmetrics_where_it_is_asked_for(watched: Watched) -> None:
    """Prometheus reads the format that carries exemplars."""
    address = next(
        target["discoveredLabels"]["__address__"]
        for target in watched.prometheus.get("targets")["activeTargets"]
        if target["labels"]["job"] == "search"
    )
    request = urllib.request.Request(
        f"http://{address}/metrics", headers={"Accept": "application/openmetrics-text"}
    )
    with urllib.request.urlopen(request, timeout=10) as page:  # noqa: S310 - our own
        assert page.headers["Content-Type"].startswith("application/openmetrics-text")
        assert page.read().endswith(b"# EOF\n")


@pytest.mark.usefixtures("traffic")
def test_the_latency_alert_fires_on_slowness_and_clears(watched: Watched) -> None:
    """Searches that wait for a paused encoder let it fire; quick ones let it clear."""
    watching, encoder = watched.prometheus, watched.encoder.process
    wait(lambda: not LATENCY & watching.firing(), "the alert fires without slowness", 60)

    def search() -> None:
        with Client(watched.target, timeout=30) as client, suppress(SearchError):
            client.search(watched.new_picture())

    end = time.monotonic() + 90
    with ThreadPoolExecutor(8) as pool:
        while not LATENCY & watching.firing():
            assert time.monotonic() < end, "the alert did not fire"
            encoder.send_signal(signal.SIGSTOP)
            slow = [pool.submit(search) for _ in range(8)]
            # After two seconds of silence search takes the encoder for lost: that is no slowness.
            time.sleep(1.5)
            encoder.send_signal(signal.SIGCONT)
            for each in slow:
                each.result()
    wait(lambda: not LATENCY & watching.firing(), "the alert does not clear", 90)


@pytest.mark.usefixtures("traffic")
def test_the_alert_on_qdrant_fires_on_its_silence_and_clears(watched: Watched) -> None:
    """Qdrant paused again and again fails calls; left alone it lets the alert clear."""
    watching = watched.prometheus
    end = time.monotonic() + 90
    while "QdrantCallsFail" not in watching.firing():
        assert time.monotonic() < end, "the alert did not fire"
        watched.qdrant.send_signal(signal.SIGSTOP)
        time.sleep(4)
        watched.qdrant.send_signal(signal.SIGCONT)
        time.sleep(1)
    wait(lambda: "QdrantCallsFail" not in watching.firing(), "the alert does not clear", 90)


def wait(condition: Callable[[], bool], trouble: str, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, trouble
        time.sleep(0.5)
