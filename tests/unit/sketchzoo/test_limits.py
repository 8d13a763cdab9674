"""How often, and how much at once, in all and by each caller."""

import pytest

from sketchzoo.limits import NoneLeftError, Peers, Rates, Shares, TokenBucket, caller
from sketchzoo.rpc.admission import host_of


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
    rates = Rates(rate=0.001, burst=1)
    assert rates.take("a") == 0
    assert rates.take("a") > 0
    assert rates.take("b") == 0


def test_no_more_clients_are_remembered_than_memory_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one seen longest ago is forgotten, and starts anew."""
    monkeypatch.setattr("sketchzoo.counts._MOST_CALLERS", 2)
    rates = Rates(rate=0.001, burst=1)
    for client in ("a", "b", "a", "c"):
        rates.take(client)
    assert rates.take("a") > 0
    assert rates.take("b") == 0


def test_what_is_held_has_a_limit_in_all_and_for_each_caller() -> None:
    """Both hold, and what is given back can be taken again."""
    shares = Shares(most=3, most_each=2)
    with shares.one("a"), shares.one("a"):
        with pytest.raises(NoneLeftError) as caught, shares.one("a"):
            pass
        assert caught.value.of_share
        with shares.one("b"):
            with pytest.raises(NoneLeftError) as caught, shares.one("c"):
                pass
            assert not caught.value.of_share
            assert shares.held == 3
    assert shares.held == 0


def test_a_caller_without_a_name_has_no_share_of_its_own() -> None:
    """It may take all there is, and no more."""
    shares = Shares(most=3, most_each=1)
    shares.take(None, 3)
    with pytest.raises(NoneLeftError):
        shares.take("a")


@pytest.mark.parametrize(("most", "each"), [(1, 0), (1, 2)])
def test_a_share_is_a_part(most: int, each: int) -> None:
    """None at all, and more than there is, are mistakes."""
    with pytest.raises(ValueError, match="share must be"):
        Shares(most, each)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("somebody", "somebody"),
    ],
)
def test_a_network_of_ipv6_is_one_caller(host: str, expected: str) -> None:
    """Whoever has one address of IPv6 has 2^64 of them."""
    assert caller(host) == expected


@pytest.mark.parametrize(
    ("host", "named"),
    [("10.1.2.3", True), ("11.1.2.3", False), ("::ffff:10.1.2.3", True), ("unix", False)],
)
def test_peers_are_named_one_by_one_or_as_networks(host: str, named: bool) -> None:  # noqa: FBT001 - a case's outcome
    """An address written as IPv6 is the same."""
    assert (host in Peers(["10.0.0.0/8", "::1"])) is named


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("ipv4:10.0.0.1:77", "10.0.0.1"),
        ("ipv6:[fe80::1]:77", "fe80::1"),
        ("ipv6:%5B::1%5D:77", "::1"),
        ("unix:/a:b", None),
    ],
)
def test_an_address_has_no_port(peer: str, expected: str | None) -> None:
    """Peers' names in gRPC carry one, and brackets in two spellings."""
    assert host_of(peer) == expected
