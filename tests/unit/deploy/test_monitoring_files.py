"""Dashboards, rules, runbook and the metrics table: made from the code, and complete."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from tests.deployment import ROOT

DASHBOARDS = sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json"))
RULES = sorted((ROOT / "deploy" / "prometheus" / "rules").glob("*.yml"))
RUNBOOK = ROOT / "docs" / "operations" / "runbook.md"
# Of a Qdrant server, and Prometheus' own.
FOREIGN = {
    "up",
    "grpc_responses_total",
    "grpc_responses_duration_seconds",
    "collection_points",
    "memory_resident_bytes",
}

needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is missing")


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((ROOT / "deploy/prometheus/rules/alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def anchors() -> set[str]:
    headings = re.findall(r"^#+ (.+)$", RUNBOOK.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("script", [["scripts/metrics_table.py"], ["-m", "scripts.dashboards"]])
def test_what_is_generated_is_fresh(script: list[str]) -> None:
    """The committed page and dashboards are what their scripts make now."""
    done = subprocess.run(
        [sys.executable, *script, "--check"],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_table_that_differs_is_told(tmp_path: Path) -> None:
    """The check fails where a metric is missing from the page."""
    for folder in ("scripts", "docs"):
        (tmp_path / folder).mkdir()
    shutil.copy(ROOT / "scripts" / "metrics_table.py", tmp_path / "scripts")
    text = (ROOT / "docs" / "metrics.md").read_text()
    (tmp_path / "docs" / "metrics.md").write_text(text.replace("sketchzoo_search_ready", "gone"))
    done = subprocess.run(
        [sys.executable, "scripts/metrics_table.py", "--check"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode != 0


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_keeps_grafanas_schema(path: Path) -> None:
    """Every key is one that Grafana's own model of a dashboard knows and keeps."""
    written = json.loads(path.read_text())
    read = json.loads(JSONEncoder().encode(Dashboard.from_json(written)))
    assert lost(written, read) == []
    names = [variable["name"] for variable in written["templating"]["list"]]
    assert "instance" in names
    assert ("class" in names) == (path.stem == "search")


def lost(written: Any, read: Any, where: str = "") -> list[str]:
    if isinstance(written, dict):
        missing = [f"{where}.{key}" for key in written if key not in read]
        common = [key for key in written if key in read]
        return missing + [
            each for key in common for each in lost(written[key], read[key], f"{where}.{key}")
        ]
    if isinstance(written, list):
        if len(written) != len(read):
            return [where]
        return [
            each
            for i, pair in enumerate(zip(written, read, strict=True))
            for each in lost(*pair, f"{where}[{i}]")
        ]
    return [] if written == read else [where]


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_each_panel_says_what_to_do(path: Path) -> None:
    """A panel has a title of its own, a description, a unit, and expressions with a source."""
    panels = json.loads(path.read_text())["panels"]
    assert len({panel["title"] for panel in panels}) == len(panels)
    for panel in panels:
        assert len(panel["description"]) > 40, panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["targets"], panel["title"]
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "prometheus"
        for anchor in re.findall(r"runbook\.md#([\w-]+)", panel["description"]):
            assert anchor in anchors(), panel["title"]


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_each_expression_follows_the_variables(path: Path) -> None:
    """Panels show the chosen instances, but for what rules record of all together."""
    for panel in json.loads(path.read_text())["panels"]:
        for target in panel["targets"]:
            selectors = re.findall(r"\{[^{}]*\}", target["expr"])
            if any('=~"$instance"' in each for each in selectors):
                assert all("job=~" in each for each in selectors), panel["title"]
            else:
                assert re.search(r"sketchzoo:search_\w+:", target["expr"]), panel["title"]


def test_the_data_source_is_the_one_that_panels_name() -> None:
    """Grafana is provisioned with the data source's uid."""
    text = (ROOT / "deploy/grafana/provisioning/datasources/prometheus.yml").read_text()
    (source,) = yaml.safe_load(text)["datasources"]
    assert source["uid"] == "prometheus"


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_an_alert_leads_to_the_runbook(alert: dict[str, Any]) -> None:
    """Each alert has a severity, a summary and an entry in the runbook."""
    assert alert["labels"]["severity"] in ("page", "ticket")
    assert alert["annotations"]["summary"]
    page, _, anchor = alert["annotations"]["runbook"].partition("#")
    assert ROOT / page == RUNBOOK
    assert anchor in anchors()


def test_metrics_that_are_asked_for_exist() -> None:
    """Rules and panels name only metrics of the table, of a Qdrant server, or recorded ones."""
    table = set(re.findall(r"^\| `(\w+)`", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE))
    recorded = set(re.findall(r"record: (\S+)", (RULES[-1]).read_text()))
    texts = [json.dumps(json.loads(path.read_text())) for path in DASHBOARDS]
    texts += [path.read_text() for path in RULES]
    asked = {
        name
        for text in texts
        for name in re.findall(
            r"\b((?:sketchzoo[_:]|grpc_|process_|memory_|collection_)[\w:]+)", text
        )
    }
    asked -= {"grpc_method", "grpc_service", "grpc_code", "grpc_type", "sketchzoo_build"}
    plain = {re.sub(r"_(bucket|count|sum)$", "", name) for name in asked}
    assert plain - table - recorded - FOREIGN == set()


@needs_promtool
def test_promtool_takes_rules_and_configuration() -> None:
    """`promtool check` finds nothing wrong."""
    subprocess.run(["promtool", "check", "rules", *map(str, RULES)], check=True)
    config = str(ROOT / "deploy" / "prometheus" / "prometheus.yml")
    subprocess.run(["promtool", "check", "config", "--syntax-only", config], check=True)


@needs_promtool
def test_every_alert_has_a_rule_test() -> None:
    """No alert is without a test in which it fires."""
    text = "".join(path.read_text() for path in (ROOT / "deploy/prometheus/tests").glob("*.yml"))
    fired = set(re.findall(r"alertname: (\w+)\n\s+exp_alerts:\n\s+- exp_labels", text))
    assert {alert["alert"] for alert in alerts()} - fired == set()
