"""What the processes of a group count together, in memory that none of them locks."""

import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from sketchzoo.group.ledger import Ledger
from tests.unit.sketchzoo.counting import Counting, Process


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    made = Ledger.create(3)
    yield made
    made.close()


@dataclass
class Group:
    """This process, which is the first of three, and the others."""

    mine: Counting
    others: tuple[Process, Process]


@pytest.fixture(scope="module")
def three() -> Iterator[tuple[Ledger, Process, Process]]:
    made = Ledger.create(3)
    with Process(made, 1) as one, Process(made, 2) as two:
        yield made, one, two
    made.close()


@pytest.fixture
def group(three: tuple[Ledger, Process, Process]) -> Group:
    """Let the processes hold nothing."""
    ledger, *others = three
    for process in others:
        process.begin()
    return Group(Counting(ledger.of(0)), (others[0], others[1]))


def test_every_process_sees_what_all_hold(group: Group) -> None:
    """In all and by caller; what has no caller counts in all alone."""
    mine, others = group.mine, group.others
    mine.hold("a", 3)
    others[0].hold("a", 2)
    others[0].hold("b", 4)
    others[1].hold(None, 5)
    assert mine.calls.of("a") == 5
    assert mine.calls.of("b") == 4
    assert mine.calls.of("c") == 0
    assert (mine.calls.count.here, mine.calls.count.total) == (3, 14)
    assert (mine.images.here, mine.images.elsewhere) == (1, 3)
    mine.hold("a", -3)
    others[0].hold("a", -2)
    assert mine.calls.of("a") == 0
    assert mine.calls.count.total == 9


def test_a_share_is_one_in_all_processes(group: Group) -> None:
    """A caller with a connection to each gets four places of ten, not four in each."""
    others = group.others
    assert [others[turn % 2].take("a") for turn in range(6)] == [True] * 4 + [False] * 2
    assert [others[turn % 2].take(f"b{turn}") for turn in range(8)] == [True] * 6 + [False] * 2


def test_processes_that_take_at_once_never_hold_more_than_the_share(group: Group) -> None:
    """Each tells what it takes before it looks; what both refuse is had again at once."""
    others = group.others
    for caller in "bbbbccccd":  # one of ten is left
        assert others[0].take(caller)
    for process in others:
        process.tell("take_often", 5000)
    answers = [process.answer() for process in others]
    assert all(taken for taken, _ in answers)
    assert {most for _, most in answers} == {1}


def test_what_a_killed_process_held_is_free_once_its_row_is_cleared(ledger: Ledger) -> None:
    """Until its parent clears it, it counts: nobody else can know that it is dead."""
    mine = Counting(ledger.of(0))
    with Process(ledger, 1) as process:
        process.hold("a", 3)
        process.kill()
    assert mine.calls.of("a") == mine.calls.count.total == 3
    ledger.clear(1)
    assert mine.calls.of("a") == mine.calls.count.total == mine.images.total == 0


def test_a_process_starts_with_an_empty_row(ledger: Ledger) -> None:
    """Even where nobody cleared what the one before it left."""
    mine = Counting(ledger.of(0))
    with Process(ledger, 1) as process:
        process.hold("a", 3)
    with Process(ledger, 1) as process:
        process.hold("a", 2)
        assert mine.calls.of("a") == 2


def test_a_process_may_be_killed_at_any_moment(ledger: Ledger) -> None:
    """Nothing of its row is left, and what others hold is what they hold."""
    counts = ledger.of(0)
    mine, turns = Counting(counts), counts.turns("decode_queue")
    mine.hold("10.0.0.1", 7)
    for number in range(4):
        with Process(ledger, 1) as one, Process(ledger, 2) as two:
            one.tell("write", 10)
            two.tell("write", 6000)  # more callers than there are places
            while mine.images.elsewhere < 1000:
                threading.Event().wait(0.001)
            threading.Event().wait(random.Random(number).random() / 50)
        for index in (1, 2):
            ledger.clear(index)
        assert mine.images.total == 1
        assert mine.calls.count.total == 7
        assert [mine.calls.of(f"10.0.0.{caller}") for caller in range(20)] == [0, 7] + [0] * 18
        turns.wait(2**62)  # since long after they came
        assert turns.is_ours()


def test_a_rate_is_one_in_all_processes(group: Group) -> None:
    """A caller with a connection to each has its tokens once."""
    assert group.others[0].call("a", 10, 6) == 6
    assert group.others[1].call("a", 10, 6) == 4
    assert group.others[0].call("a", 10, 6) == 0
    assert group.mine.call("a", 10, 1) == 0
    assert group.mine.call("b", 10, 1) == 1


def test_tokens_that_are_taken_at_once_are_counted_each(group: Group) -> None:
    """Where both take the last one, one is owed: many come to no more than there are."""
    for process in group.others:
        process.tell("call", "both", 2000, 3000)
    assert sum(process.answer() for process in group.others) <= 2000 * 1.005


def test_how_often_a_caller_called_outlives_a_process(ledger: Ledger) -> None:
    """Who brings a process down has not got his tokens anew."""
    with Process(ledger, 1) as process:
        assert process.call("a", 10, 20) == 10
    ledger.clear(1)
    with Process(ledger, 1) as process:
        assert process.call("a", 10, 1) == 0


def test_a_ledger_is_for_processes() -> None:
    """None at all is a mistake."""
    with pytest.raises(ValueError, match="at least 1 process, not 0"):
        Ledger.create(0)
