"""The alerts' way to whoever is told, on a real Alertmanager with the composed configuration."""

import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deployment import ROOT
from tests.integration.deploy.ports import free_port

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(
        shutil.which("prometheus-alertmanager") is None, reason="alertmanager is missing"
    ),
]

CONFIGURATION = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"
RULES = yaml.safe_load((ROOT / "deploy" / "prometheus" / "rules" / "alerts.yml").read_text())
ALERTS = {rule["alert"]: rule for group in RULES["groups"] for rule in group["rules"]}


class Alertmanager:
    """A running Alertmanager's API."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/api/v2"

    def call(self, path: str, body: Any = None) -> Any:
        """Get a path, or send it a body."""
        request = urllib.request.Request(  # noqa: S310 - our own
            f"{self._url}/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own
            text = answer.read()
        return json.loads(text) if text else None

    def told(self, *alerts: dict[str, str], once_hidden: str) -> set[str]:
        """Let alerts fire; return the names of those that somebody is told of.

        What hides what is learnt in a thread of its own, one alert after the other: once
        the named one is hidden, those before it have been looked at.
        """
        labels = [
            {"severity": ALERTS[each["alertname"]]["labels"]["severity"], **each} for each in alerts
        ]
        self.call("alerts", [{"labels": each} for each in labels])
        end = time.monotonic() + 30
        while True:
            found = self.call("alerts")
            assert len(found) == len(alerts)
            hidden = {
                each["labels"]["alertname"] for each in found if each["status"]["inhibitedBy"]
            }
            if once_hidden in hidden:
                return {each["alertname"] for each in alerts} - hidden
            assert time.monotonic() < end, f"{once_hidden} is not hidden"
            time.sleep(0.05)


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[Alertmanager]:
    port = free_port()
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                "prometheus-alertmanager",
                f"--config.file={CONFIGURATION}",
                f"--storage.path={tmp_path / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    running = Alertmanager(port)
    try:
        end = time.monotonic() + 30
        while True:
            try:
                running.call("status")
                break
            except (urllib.error.URLError, OSError):
                assert process.poll() is None, (tmp_path / "log").read_text()
                assert time.monotonic() < end
                time.sleep(0.1)
        yield running
    finally:
        process.terminate()
        process.wait()


def test_a_fast_burn_hides_its_own_objectives_slower_ones(alertmanager: Alertmanager) -> None:
    """Searches that fail are told while searches are slow."""
    assert alertmanager.told(
        {"alertname": "SearchLatencyBurnFast"},
        {"alertname": "SearchLatencyBurnMedium"},
        {"alertname": "SearchAvailabilityBurnMedium"},
        {"alertname": "SearchLatencyBurnTrickle"},
        once_hidden="SearchLatencyBurnTrickle",
    ) == {"SearchLatencyBurnFast", "SearchAvailabilityBurnMedium"}


def test_a_part_that_is_down_hides_what_it_causes(alertmanager: Alertmanager) -> None:
    """Whoever is told that the encoder is down is not told of the failures too."""
    assert alertmanager.told(
        {"alertname": "SketchzooPartDown", "job": "encoder"},
        {"alertname": "SearchNotReady"},
        {"alertname": "SearchModelMismatch"},
        {"alertname": "SearchAvailabilityBurnFast"},
        once_hidden="SearchAvailabilityBurnFast",
    ) == {"SketchzooPartDown", "SearchModelMismatch"}


def test_a_live_page_that_is_down_hides_nothing(alertmanager: Alertmanager) -> None:
    """It is nothing that search needs; other alerts hide each other as ever."""
    assert alertmanager.told(
        {"alertname": "SketchzooPartDown", "job": "live"},
        {"alertname": "SearchNotReady"},
        {"alertname": "SearchLatencyBurnFast"},
        {"alertname": "SearchLatencyBurnSlow"},
        once_hidden="SearchLatencyBurnSlow",
    ) == {"SketchzooPartDown", "SearchNotReady", "SearchLatencyBurnFast"}


def test_inhibitions_name_alerts_that_exist() -> None:
    """Each name in the configuration matches an alert of the rules, and `amtool` takes it all."""
    subprocess.run(["amtool", "check-config", CONFIGURATION], check=True, capture_output=True)
    rules = yaml.safe_load(CONFIGURATION.read_text())["inhibit_rules"]
    patterns = [
        re.fullmatch(r'alertname=~?"(.*)"', matcher)
        for rule in rules
        for matcher in (*rule["source_matchers"], *rule["target_matchers"])
        if matcher.startswith("alertname")
    ]
    assert patterns
    for pattern in patterns:
        assert pattern
        assert any(re.fullmatch(pattern[1], name) for name in ALERTS), pattern[1]
