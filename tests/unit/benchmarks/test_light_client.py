"""The client that costs next to nothing, and what it counts as an answer."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from benchmarks.light_client import LoadError, answers_per_second, grpc_post, rate

METHOD = "/test.Echo/Say"
REPORT = """
finished in 2.99s, 1243.50 req/s, 26.28KB/s
requests: 2487 total, 2487 started, 2487 done, {ok} succeeded, {failed} failed, 0 errored, 0 timeout
traffic: 52.56KB (53820) total, 342.08KB (350295) headers (space savings 0.00%), 2MB ({data}) data
"""


def test_a_report_gives_the_answers_a_second() -> None:
    """Warming left out, as h2load leaves it out."""
    assert answers_per_second(REPORT.format(ok=2487, failed=0, data=250_000), 100) == 1243.5


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (REPORT.format(ok=2486, failed=1, data=250_000), "2486 were answered"),
        (REPORT.format(ok=2487, failed=0, data=200_000), "fewer than 100 each"),
        ("could not connect", "could not connect"),
    ],
)
def test_calls_that_failed_are_not_counted_in_silence(said: str, why: str) -> None:
    """A server tells failures behind a status of 200: too few bytes give them away."""
    with pytest.raises(LoadError, match=why):
        answers_per_second(said, 100)


class Echo(grpc.GenericRpcHandler):
    """Answers with the request, or refuses."""

    def __init__(self, *, refuse: bool) -> None:
        self._refuse = refuse

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        assert details.method == METHOD
        return grpc.unary_unary_rpc_method_handler(self._say)

    def _say(self, message: bytes, context: grpc.ServicerContext) -> bytes:
        if self._refuse:
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "full")
        return message


@pytest.fixture
def target(request: pytest.FixtureRequest) -> Iterator[str]:
    """Serve an echo on a free port."""
    if shutil.which("h2load") is None:
        pytest.skip("needs h2load (Debian: nghttp2-client)")
    server = grpc.server(ThreadPoolExecutor(4), handlers=[Echo(refuse=request.param)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None)


@pytest.mark.parametrize("target", [False], indirect=True)
def test_a_grpc_server_is_asked_again_and_again(target: str) -> None:
    """A framed message in, answers a second out."""
    assert rate(grpc_post(target, METHOD, b"x" * 500, 500), callers=2, seconds=1) > 1


@pytest.mark.parametrize("target", [True], indirect=True)
def test_a_grpc_server_that_refuses_has_no_rate(target: str) -> None:
    """Whatever its HTTP status says."""
    with pytest.raises(LoadError):
        rate(grpc_post(target, METHOD, b"x" * 500, 500), callers=2, seconds=1)
