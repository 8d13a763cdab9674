"""How many calls a second one caller may make."""

import pytest
from google.rpc import error_details_pb2

from sketchzoo.rpc import CallError
from sketchzoo.rpc.rate import CallerRates, address


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def allowed(rates: CallerRates, peer: str, calls: int) -> int:
    passed = 0
    for _ in range(calls):
        try:
            rates.take(peer)
        except CallError:
            continue
        passed += 1
    return passed


def test_a_burst_of_two_seconds_passes_then_the_rate() -> None:
    """Five a second: ten at once, five a second from then on."""
    clock = Clock()
    rates = CallerRates(5, clock)
    assert allowed(rates, "ipv4:10.0.0.1:1", 50) == 10
    clock.now += 1
    assert allowed(rates, "ipv4:10.0.0.1:1", 50) == 5


def test_callers_do_not_share_and_connections_do() -> None:
    """Another address has its own bucket; another port of one address has not."""
    rates = CallerRates(1, Clock())
    assert allowed(rates, "ipv4:10.0.0.1:1", 9) == 2
    assert allowed(rates, "ipv4:10.0.0.1:2", 9) == 0
    assert allowed(rates, "ipv6:[::1]:2", 9) == 2


def test_a_refusal_says_when_to_come_back() -> None:
    """RetryInfo tells when the bucket holds a call again."""
    clock = Clock()
    rates = CallerRates(0.5, clock)
    rates.take("unix:a")
    with pytest.raises(CallError) as refused:
        rates.take("unix:a")
    (detail,) = refused.value.details
    assert isinstance(detail, error_details_pb2.RetryInfo)
    assert detail.retry_delay.seconds == 2
    clock.now += 2
    rates.take("unix:a")


def test_memory_is_bounded() -> None:
    """However many addresses call, ten thousand are remembered."""
    rates = CallerRates(1, Clock())
    for number in range(10_100):
        rates.take(f"ipv4:10.0.{number // 256}.{number % 256}:1")
    assert len(rates._buckets) == 10_000


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("ipv4:10.0.0.1:77", "10.0.0.1"),
        ("ipv6:[fe80::1]:77", "[fe80::1]"),
        ("unix:/a:b", "unix:/a:b"),
    ],
)
def test_an_address_has_no_port(peer: str, expected: str) -> None:
    """Peers' names in gRPC carry one."""
    assert address(peer) == expected


def test_no_rate_is_no_limit_of_zero() -> None:
    """Leave the setting out instead."""
    with pytest.raises(ValueError, match="above 0"):
        CallerRates(0)
