"""Rates and connections."""

import pytest

from live_demo.limits import ClientRates, Connections, TokenBucket, TooManyConnectionsError


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_lets_its_burst_through_and_then_its_rate() -> None:
    """After the burst one token comes every 1 / rate seconds, and the wait is told."""
    clock = Clock()
    bucket = TokenBucket(rate=2, burst=3, clock=clock)
    assert [bucket.take() for _ in range(3)] == [0, 0, 0]
    assert bucket.take() == pytest.approx(0.5)
    clock.now = 0.5
    assert bucket.take() == 0
    assert bucket.take() > 0


def test_a_rest_fills_a_bucket_no_further_than_its_burst() -> None:
    """A client that was quiet for an hour may not flood."""
    clock = Clock()
    bucket = TokenBucket(rate=10, burst=2, clock=clock)
    clock.now = 3600
    assert [bool(bucket.take()) for _ in range(3)] == [False, False, True]


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (1, 0)])
def test_a_bucket_refuses_what_lets_nothing_through(rate: float, burst: float) -> None:
    """A rate of 0 and a burst under 1 are mistakes."""
    with pytest.raises(ValueError, match="must be"):
        TokenBucket(rate, burst)


def test_clients_have_buckets_of_their_own() -> None:
    """One client's haste costs another nothing."""
    rates = ClientRates(rate=0.001, burst=1)
    assert rates.take("a") == 0
    assert rates.take("a") > 0
    assert rates.take("b") == 0


def test_no_more_clients_are_remembered_than_memory_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one seen longest ago is forgotten, and starts anew."""
    monkeypatch.setattr("live_demo.limits._MAX_CLIENTS", 2)
    rates = ClientRates(rate=0.001, burst=1)
    for client in ("a", "b", "a", "c"):
        rates.take(client)
    assert rates.take("a") > 0
    assert rates.take("b") == 0


def test_connections_are_counted_and_given_back() -> None:
    """Both limits hold, and a connection that ends makes room."""
    connections = Connections(most=3, most_per_client=2)
    with connections.one("a"), connections.one("a"):
        with pytest.raises(TooManyConnectionsError, match="your address"), connections.one("a"):
            pass
        with connections.one("b"):
            with pytest.raises(TooManyConnectionsError, match="full"), connections.one("c"):
                pass
            assert connections.total == 3
    assert connections.total == 0
