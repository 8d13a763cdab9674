"""A real Prometheus over running parts, its windows shortened to seconds."""

import json
import re
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.deployment import ROOT

RULES = ROOT / "deploy" / "prometheus" / "rules"
# Each duration of the rules, so that hours pass in seconds; order among them is kept.
SHORTER = {
    "2m": "1s", "5m": "8s", "10m": "9s", "15m": "2s", "30m": "10s", "1h": "12s",
    "2h": "14s", "3h": "3s", "6h": "16s", "1d": "18s", "3d": "20s", "7d": "5s",
}  # fmt: skip


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the dashboards' panels, each with its dashboard's name."""
    for path in sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            yield path.stem, panel


def filled(expression: str) -> str:
    """Return an expression with Grafana's variables filled in: every instance and class."""
    expression = expression.replace("$__rate_interval", "10s")
    return expression.replace("$instance", ".*").replace("$class", ".*")


def shortened(rules: str) -> str:
    """Return rules with short windows, and the latency objective's bucket at one second.

    The objective of 0.25 s would be missed by a test machine that is busy.
    """
    rules = rules.replace('le="0.25"', 'le="1.0"')
    rules = re.sub(r"\[(\w+)\]", lambda found: f"[{SHORTER[found[1]]}]", rules)
    return re.sub(
        r"(offset|for:) (\d+\w)\b", lambda found: f"{found[1]} {SHORTER[found[2]]}", rules
    )


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus' address."""

    url: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the series of an instant query; an error of the expression raises."""
        parameters = urllib.parse.urlencode({"query": expression})
        with urllib.request.urlopen(f"{self.url}/api/v1/query?{parameters}", timeout=20) as answer:  # noqa: S310 - our own
            found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return found

    def get(self, path: str) -> Any:
        """Return the data that a path of the API answers."""
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}", timeout=20) as answer:  # noqa: S310 - our own
            return json.load(answer)["data"]

    def firing(self) -> set[str]:
        """Return the names of the alerts that fire."""
        alerts = self.get("alerts")["alerts"]
        return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}


@contextmanager
def prometheus(folder: Path, port: int, targets: Mapping[str, list[str]]) -> Iterator[Prometheus]:
    """Run a Prometheus that scrapes each job's targets every second."""
    (folder / "rules").mkdir(parents=True)
    for path in RULES.glob("*.yml"):
        (folder / "rules" / path.name).write_text(shortened(path.read_text()))
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules/*.yml"],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": addresses}]}
            for job, addresses in targets.items()
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    log = folder / "prometheus.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--enable-feature=exemplar-storage",
            ],
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    running = Prometheus(f"http://127.0.0.1:{port}")
    try:
        end = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"{running.url}/-/ready", timeout=2).close()  # noqa: S310 - our own
                break
            except (urllib.error.URLError, OSError):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < end, log.read_text()
                time.sleep(0.2)
        yield running
    finally:
        process.terminate()
        process.wait()
