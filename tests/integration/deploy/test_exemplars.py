"""Exemplars on a real Prometheus: from a panel's dot to the trace in the collector."""

import shutil
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from sketchzoo.client import Client
from tests.artefacts import encoder_process, picture, tiny_model
from tests.integration.collector import Collector, collecting
from tests.integration.deploy.ports import free_port
from tests.integration.deploy.prometheus import Prometheus, filled, panels, prometheus
from tests.integration.deploy.test_operations import ingest, qdrant_process
from tests.integration.search_service.stack import search_process, write_photos

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is missing"),
]

TARGETS = [
    (dashboard, panel["title"], filled(target["expr"]))
    for dashboard, panel in panels()
    for target in panel["targets"]
    if target.get("exemplar")
]


@dataclass(frozen=True)
class Traced:
    """A Prometheus that scraped traced searches, and the collector that has their spans."""

    prometheus: Prometheus
    collector: Collector
    start: float

    def traces(self, expression: str) -> set[str]:
        """Return the traces that exemplars of an expression's metrics name."""
        asked = {"query": expression, "start": str(self.start), "end": str(time.time())}
        series = self.prometheus.get(f"query_exemplars?{urllib.parse.urlencode(asked)}")
        return {exemplar["labels"]["trace_id"] for each in series for exemplar in each["exemplars"]}


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    folder = tmp_path_factory.mktemp("traced")
    write_photos(folder / "photos", 24)
    model = tiny_model(folder / "model")
    with ExitStack() as stack:
        collector, endpoint = stack.enter_context(collecting())
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("SKETCHZOO_OTLP_ENDPOINT", endpoint)
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
        encoder = stack.enter_context(encoder_process(model.folder))
        url = stack.enter_context(qdrant_process(folder / "storage", free_port()))
        ingest(folder / "photos", encoder.target, url)
        search = stack.enter_context(search_process(encoder.target, url))
        search.wait_serving()
        targets = {"search": [f"127.0.0.1:{search.metrics_port}"]}
        watching = stack.enter_context(prometheus(folder / "prometheus", free_port(), targets))
        start = time.time()
        found = Traced(watching, collector, start)
        with Client(search.target, timeout=30) as client:
            for number in range(60):
                client.search(picture(number))
                if all(found.traces(expression) for *_, expression in TARGETS):
                    break
                time.sleep(0.5)
        yield found


def test_panels_show_exemplars() -> None:
    """The panels of a search's time and of Qdrant's calls ask for them."""
    assert {title for _, title, _ in TARGETS} >= {
        "Time of a search",
        "p99 by stage",
        "Calls as search and ingest see them, p99",
    }


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: f"{target[0]}: {target[1]}")
def test_an_exemplar_leads_to_its_trace(traced: Traced, target: tuple[str, str, str]) -> None:
    """What Grafana asks for a panel's dots names traces whose spans the collector has."""
    *_, expression = target
    end = time.monotonic() + 30
    while not (found := traced.traces(expression)):
        assert time.monotonic() < end, "no exemplars"
        time.sleep(0.5)
    kept = {span.trace_id.hex() for _, span in traced.collector.spans}
    assert found <= kept
