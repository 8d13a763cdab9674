"""Traces: one from the caller over search to the encoder and Qdrant, in a real collector."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from sketchzoo.client import Client
from tests.artefacts import encoder_process, picture, tiny_model
from tests.integration.collector import Collector, collecting
from tests.integration.deploy.ports import free_port
from tests.integration.live_demo.live_process import LiveProcess
from tests.integration.live_demo.page import Page
from tests.integration.search_service.stack import fill, search_process, write_photos

pytestmark = pytest.mark.timeout(200)


@pytest.fixture
def collector() -> Iterator[tuple[Collector, str]]:
    with collecting() as found:
        yield found


async def test_one_trace_from_the_caller_to_qdrant(
    collector: tuple[Collector, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller's span is the root; search, encoder and embedded Qdrant have theirs below it."""
    found, endpoint = collector
    paths = write_photos(tmp_path / "photos", 24)
    monkeypatch.setenv("SKETCHZOO_OTLP_ENDPOINT", endpoint)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
    with ExitStack() as stack:
        model = tiny_model(tmp_path / "model")
        encoder = stack.enter_context(encoder_process(model.folder))
        port = free_port()
        log = stack.enter_context((tmp_path / "qdrant.log").open("wb"))
        command = [sys.executable, "-m", "sketchzoo", "embedded-qdrant", "--port", str(port)]
        qdrant = subprocess.Popen(  # noqa: ASYNC220 - the loop has nothing else to do
            [*command, "--path", str(tmp_path / "storage")],
            env={**os.environ},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        stack.callback(qdrant.wait)
        stack.callback(qdrant.kill)
        url = f"http://127.0.0.1:{port}"
        await filled(encoder.target, url, paths)
        search = stack.enter_context(search_process(encoder.target, url))
        search.wait_serving()
        tracer = TracerProvider().get_tracer("caller")
        with (
            Client(search.target, timeout=30) as client,
            tracer.start_as_current_span("draws an owl") as root,
        ):
            assert client.search(picture(3)).hits
        wanted = root.get_span_context()
        spans = wait_for_spans(found, f"{wanted.trace_id:032x}")
        linked = exemplars(search.metrics_port)
        await others(found, tmp_path, encoder.target, url, search.target)
    names = {(service, span.name) for service, span in spans}
    assert names == {
        ("sketchzoo-search", "sketchzoo.search.v1.SearchService/Search"),
        ("sketchzoo-search", "EncoderService/Embed"),
        ("sketchzoo-search", "Points/QueryBatch"),
        ("sketchzoo-encoder", "sketchzoo.encoder.v1.EncoderService/Embed"),
        ("sketchzoo-embedded-qdrant", "qdrant.Points/QueryBatch"),
    }
    by_id = {span.span_id: span.name for _, span in spans}
    parents = {span.name: by_id.get(span.parent_span_id, "") for _, span in spans}
    assert parents == {
        "sketchzoo.search.v1.SearchService/Search": "",
        "EncoderService/Embed": "sketchzoo.search.v1.SearchService/Search",
        "Points/QueryBatch": "sketchzoo.search.v1.SearchService/Search",
        "sketchzoo.encoder.v1.EncoderService/Embed": "EncoderService/Embed",
        "qdrant.Points/QueryBatch": "Points/QueryBatch",
    }
    (top,) = (s for _, s in spans if s.name == "sketchzoo.search.v1.SearchService/Search")
    assert top.parent_span_id.hex() == f"{wanted.span_id:016x}"
    # Each stage's time, and the call's, links to the trace in the exposition Prometheus reads.
    assert {
        "sketchzoo_search_stage_seconds",
        "sketchzoo_qdrant_call_seconds",
        "grpc_server_handling_seconds",
    } <= linked.get(f"{wanted.trace_id:032x}", set())
    # Readiness checks and health probes leave no traces.
    every = {span.name for _, span in found.spans}
    assert not {name for name in every if "GetModel" in name or "lias" in name}


async def others(
    found: Collector, folder: Path, encoder: str, qdrant_url: str, search: str
) -> None:
    """Run the parts that begin traces themselves: the command line, the live page, ingest."""
    sketch = folder / "sketch.jpg"
    sketch.write_bytes(picture(77))
    photo = folder / "new" / "owl" / "1.jpg"
    photo.parent.mkdir(parents=True)
    photo.write_bytes(picture(78))
    environment = {
        **os.environ,
        "SKETCHZOO_ENCODER_TARGET": encoder,
        "SKETCHZOO_QDRANT_URL": qdrant_url,
        "SKETCHZOO_SEARCH_TARGET": search,
    }
    for arguments in (["query", str(sketch), "--json"], ["ingest", str(photo.parent.parent)]):
        subprocess.run(  # noqa: ASYNC221 - the loop has nothing else to do
            [sys.executable, "-m", "sketchzoo", *arguments],
            env=environment,
            check=True,
            capture_output=True,
        )
    process = LiveProcess(search)
    await asyncio.to_thread(process.__enter__)
    async with Page(process.port) as page:
        assert (await page.search())["type"] == "answer"
    assert await asyncio.to_thread(process.stop) == 0
    for service, top, below in (
        ("sketchzoo-query", "sketchzoo query", "qdrant.Points/QueryBatch"),
        ("sketchzoo-live", "live/drawing", "qdrant.Points/QueryBatch"),
        ("sketchzoo-ingest", "ingest/embed", "sketchzoo.encoder.v1.EncoderService/Embed"),
        ("sketchzoo-ingest", "ingest/write", "qdrant.Points/Upsert"),
    ):
        assert below in names_below(found, service, top, below), (service, top)


def names_below(found: Collector, service: str, top: str, awaited: str) -> set[str]:
    """Return the names of the spans in the traces that a span without a parent begins.

    Other services' spans come when these send them: waits for the one `awaited`.
    """
    end = time.monotonic() + 30
    while True:
        tops = [
            s.trace_id
            for name, s in found.spans
            if name == service and s.name == top and not s.parent_span_id
        ]
        names = {s.name for _, s in found.spans if s.trace_id in tops}
        if awaited in names or time.monotonic() > end:
            return names
        time.sleep(0.1)


def exemplars(port: int) -> dict[str, set[str]]:
    """Return the metrics that name each trace on a page read as OpenMetrics."""
    request = Request(
        f"http://127.0.0.1:{port}/metrics", headers={"Accept": "application/openmetrics-text"}
    )
    with urlopen(request, timeout=10) as page:  # noqa: S310 - our own
        text = page.read().decode()
    linked: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.exemplar is not None:
                linked.setdefault(sample.exemplar.labels["trace_id"], set()).add(family.name)
    return linked


def test_without_an_endpoint_nothing_is_imported() -> None:
    """A part that sends no traces does not load OpenTelemetry."""
    code = (
        "import sys; import search_service.bootstrap, encoder_service.bootstrap;"
        "from sketchzoo.telemetry import span, tracing, exemplar, traceparent\n"
        "with tracing('x', ''), span('y', 'server') as s:\n"
        "    assert s is None and exemplar() is None and traceparent() is None\n"
        "assert not [m for m in sys.modules if m.startswith('opentelemetry.sdk')]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


async def filled(encoder: str, url: str, paths: list[Path]) -> None:
    end = time.monotonic() + 30
    while True:
        try:
            await fill(encoder, url, paths)
        except Exception:  # noqa: BLE001 - embedded Qdrant is starting
            assert time.monotonic() < end
            time.sleep(0.3)  # noqa: ASYNC251 - nothing else runs in this loop
        else:
            return


def wait_for_spans(found: Collector, trace_id: str, count: int = 5) -> list[tuple[str, Any]]:
    end = time.monotonic() + 30
    while True:
        spans = [each for each in found.spans if each[1].trace_id.hex() == trace_id]
        if len(spans) >= count or time.monotonic() > end:
            return spans
        time.sleep(0.1)
