"""Which servers are called through an environment's proxy."""

from typing import Any

import grpc.aio
import pytest
from opentelemetry.exporter.otlp.proto.grpc import trace_exporter
from opentelemetry.sdk.trace.export import SpanExporter

from sketchzoo.proxy import called_directly
from sketchzoo.qdrant.places import Place
from sketchzoo.rpc import ChannelSettings, open_channel
from sketchzoo.telemetry import tracing


@pytest.fixture(autouse=True)
def an_office(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "zoo.example,198.51.100.7")
    monkeypatch.delenv("no_proxy", raising=False)


@pytest.mark.parametrize(
    "target",
    [
        "127.0.0.1:50051",
        "localhost:50051",
        "[::1]:50051",
        "[fe80::1%eth0]:50051",
        "10.1.2.3:50051",
        "192.168.0.5",
        "[fd00::2]:50051",
        "encoder:50051",
        "dns:///encoder:50051",
        "dns:///encoder.sketchzoo.svc.cluster.local:50051",
        "encoder.sketchzoo.svc:50051",
        "ipv4:10.0.0.1:50051,10.0.0.2:50051",
        "ipv6:[::1]:50051",
        "unix:/run/encoder.sock",
        "zoo.example:50052",
        "search.zoo.example:50052",
        "198.51.100.7:50052",
    ],
)
def test_what_is_near_or_excepted_is_called_directly(target: str) -> None:
    """No proxy knows the way to this machine, this network or this cluster."""
    assert called_directly(target)


@pytest.mark.parametrize(
    "target",
    [
        "search.example.org:443",
        "dns:///search.example.org:443",
        "8.8.8.8:443",
        "[2606:4700::1]:443",
    ],
)
def test_what_is_far_goes_as_the_environment_says(target: str) -> None:
    """A search service on the internet is reached from an office through its proxy."""
    assert not called_directly(target)


def test_traces_go_to_a_near_collector_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    """The exporter makes a channel of its own."""
    made: list[dict[str, Any]] = []

    class Exporter(SpanExporter):
        def __init__(self, **options: Any) -> None:
            made.append(options)

    monkeypatch.setattr(trace_exporter, "OTLPSpanExporter", Exporter)
    for endpoint in ("http://127.0.0.1:4317", "collector:4317", "https://traces.example.org:4317"):
        with tracing("search", endpoint):
            pass
    directly = [("grpc.enable_http_proxy", 0) in options["channel_options"] for options in made]
    assert directly == [True, True, False]


def test_an_address_is_called_as_the_name_that_it_belongs_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A cluster's pods may have addresses that tell nothing of being near (RFC 6598)."""
    opened: list[list[tuple[str, Any]]] = []
    monkeypatch.setattr(grpc.aio, "insecure_channel", lambda _, *, options: opened.append(options))
    for host in ("qdrant", "zoo.example", None):
        open_channel(ChannelSettings("100.64.0.9:6334", host=host))
    assert [("grpc.enable_http_proxy", 0) in options for options in opened] == [True, True, False]


def test_names_behind_a_proxy_are_the_proxys_to_look_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """All others are looked up here, though the environment has exceptions from no proxy."""
    far, excepted = Place("qdrant.example.org", 6334), Place("zoo.example", 6334)
    assert (far.is_looked_up, excepted.is_looked_up) == (False, True)
    monkeypatch.delenv("https_proxy")
    for name in ("http_proxy", "grpc_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert far.is_looked_up
