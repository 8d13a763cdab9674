"""Dashboards, rules and alerts on a real Prometheus that scrapes the real parts."""

import re
import shutil
import signal
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
import yaml

from sketchzoo.client import Client, GalleryClient
from sketchzoo.client.errors import SearchError
from tests.deployment import ROOT
from tests.integration.deploy.prometheus import (
    Prometheus,
    filled,
    panels,
    shortened,
)
from tests.integration.deploy.watched import Watched, watched_parts

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


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with watched_parts(tmp_path_factory.mktemp("watched")) as running:
        yield running


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
