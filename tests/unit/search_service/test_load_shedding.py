"""Who gets a place when there are more searches than can be answered."""

import time
from contextlib import ExitStack

import pytest

from search_service.load_shedding import LoadShedding
from sketchzoo.group.ledger import Ledger
from sketchzoo.rpc import CallError


def test_places_are_given_back() -> None:
    """A place is free again however its holder ends."""
    admission = LoadShedding("searches", 1, 0.2)
    for _ in range(3):
        with pytest.raises(ValueError, match="ended"), admission:
            raise ValueError("ended")
    with admission, pytest.raises(CallError) as caught, admission:
        pass
    assert caught.value.code.name == "RESOURCE_EXHAUSTED"
    assert admission.held == 0


def test_slow_answers_leave_fewer_places() -> None:
    """As many as are answered in the wait that is allowed, at the pace of late; five always."""
    admission = LoadShedding("searches", 40, 0.2, wait_seconds=0.06)
    assert admission.places == 40

    def answer(together: int, seconds: float) -> None:
        with ExitStack() as held:
            for _ in range(together):
                beside = held.enter_context(admission)
            for _ in range(200):
                admission.answered(seconds, beside)

    answer(8, 0.02)  # 2.5 ms an answer
    assert admission.places == pytest.approx(24, abs=1)
    answer(4, 4.0)
    assert admission.places == 5
    answer(1, 0.0005)
    assert admission.places == 40


@pytest.mark.parametrize(("burst_seconds", "places"), [(60.0, 15), (0.01, 5)])
def test_a_burst_gets_three_times_the_places_for_a_moment(
    burst_seconds: float, places: int
) -> None:
    """Calls that come soon after an idle moment are let in; later the queue stands."""
    admission = LoadShedding("searches", 40, 0.2, wait_seconds=0.06, burst_seconds=burst_seconds)
    with ExitStack() as held:
        held.enter_context(admission)
        for _ in range(200):
            admission.answered(4.0, 1)
        time.sleep(0.02)
        for _ in range(places - 1):
            held.enter_context(admission)
        with pytest.raises(CallError):
            held.enter_context(admission)


def test_an_idle_moment_begins_a_burst_anew() -> None:
    """Who comes when nobody holds a place finds three times as many, whatever was before."""
    admission = LoadShedding("searches", 40, 0.2, wait_seconds=0.06, burst_seconds=0.01)
    with admission:
        for _ in range(200):
            admission.answered(4.0, 1)
        time.sleep(0.02)
        assert admission.places == 5
    assert admission.places == 15


def at_60_ms(*waits: float) -> LoadShedding:
    """Return places for searches that take 60 ms each, one after the other."""
    admission = LoadShedding("searches", 40, 0.2, *waits)
    for _ in range(200):
        admission.answered(0.06, 1)
    return admission


def test_a_burst_that_fills_its_places_has_ended() -> None:
    """More come than are answered: what lasts waits no longer than ever, until nobody waits."""
    admission = at_60_ms(0.06, 60.0)
    with ExitStack() as held:
        for _ in range(15):
            held.enter_context(admission)
        assert admission.places == 15
        with pytest.raises(CallError), admission:
            pass
        assert admission.places == 5
    assert admission.places == 15


def test_a_queue_that_grows_does_not_look_fast() -> None:
    """Fifteen that come at once are answered one by one: the first did not wait for the last."""
    admission = at_60_ms(0.5)
    assert admission.places == 8
    with ExitStack() as held:
        found = [held.enter_context(admission) for _ in range(8)]
    assert found == list(range(1, 9))
    for _ in range(20):
        for beside in found:
            admission.answered(0.06 * beside, beside)
    assert admission.places == 8


def test_who_finds_no_place_is_told_before_anything_is_done() -> None:
    """Looking takes no place, and is refused as entering is."""
    admission = LoadShedding("searches", 1, 0.2)
    admission.check()
    with admission, pytest.raises(CallError) as caught:
        admission.check()
    assert caught.value.retry_after == pytest.approx(0.2)
    admission.check()


def in_a_group(ledger: Ledger, index: int, limit: int, *waits: float) -> LoadShedding:
    counts = ledger.of(index)
    return LoadShedding(
        "searches",
        limit,
        0.2,
        *waits,
        count=counts.count("searches"),
        idle=counts.moment("searches_idle"),
    )


def test_places_are_those_of_a_group() -> None:
    """What one process has under way leaves the other fewer places; each shows its own."""
    ledger = Ledger.create(2)
    one, two = (in_a_group(ledger, index, 3) for index in range(2))
    with one, one, two:
        for admission in (one, two):
            with pytest.raises(CallError), admission:
                pass
        assert (one.held, two.held) == (2, 1)
    with two, two, two, pytest.raises(CallError), one:
        pass
    ledger.close()


def test_an_answer_is_judged_by_the_calls_of_a_group() -> None:
    """By Little's law: one of four under way that takes 20 ms is one of four in 20 ms."""
    ledger = Ledger.create(2)
    one, two = (in_a_group(ledger, index, 40, 0.06) for index in range(2))
    with one, two, two, two:
        for _ in range(200):
            one.answered(0.02, 4)
        assert one.places == pytest.approx(12, abs=1)
        assert two.places == 40
    ledger.close()


def test_a_burst_begins_when_no_process_of_a_group_holds_a_place() -> None:
    """Who comes later to another process comes to the same burst."""
    ledger = Ledger.create(2)
    one, two = (in_a_group(ledger, index, 40, 0.06, 0.01) for index in range(2))
    for admission in (one, two):
        with admission as beside:
            for _ in range(200):
                admission.answered(4.0, beside)
    with one:
        time.sleep(0.02)
        with two:
            assert two.places == 5
    with two:
        assert one.places == 15
    ledger.close()


def test_a_limit_is_at_least_one() -> None:
    """No places at all is refused by name."""
    with pytest.raises(ValueError, match="limit"):
        LoadShedding("searches", 0, 0.2)
    with pytest.raises(ValueError, match="burst_seconds"):
        LoadShedding("searches", 1, 0.2, burst_seconds=-1)
