"""A table of callers' values: what each row tells is what was put there last."""

from collections.abc import Callable
from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from sketchzoo.group.table import BUCKETS, WAYS, Table, words_of_table

SIZE = 3
ROWS = st.integers(0, SIZE - 1)
# Seven callers in each of two buckets, of which the one is the last.
CALLERS = st.tuples(st.sampled_from([0, BUCKETS - 1]), st.integers(1, 7)).map(str)


def key_of(caller: str) -> int:
    bucket, number = (int(part) for part in caller.strip("()").split(","))
    return number * BUCKETS * (-1) ** number + bucket


def tables() -> list[Table]:
    words = memoryview(bytearray(8 * words_of_table(SIZE))).cast("q")
    return [Table(words, SIZE, row, key_of) for row in range(SIZE)]


class Tables(RuleBasedStateMachine):
    """Beside each row's buckets, as sets of callers of whom the lowest may lose his place."""

    def __init__(self) -> None:
        super().__init__()
        self.tables = tables()
        self.known: list[dict[str, int]] = [{} for _ in range(SIZE)]
        self.higher: Callable[[], int] = count(1).__next__

    @rule(row=ROWS, caller=CALLERS, size=st.integers(0, 3))
    def put(self, row: int, caller: str, size: int) -> None:
        """Values differ, so that one of them is the lowest; 0 is none."""
        value = size and size * 10_000 + self.higher()
        self.tables[row].put(caller, value)
        known = self.known[row]
        beside = [each for each in known if key_of(each) % BUCKETS == key_of(caller) % BUCKETS]
        if caller not in known and len(beside) == WAYS and value:
            lowest = min(beside, key=known.__getitem__)
            if known[lowest] > value:
                return
            del known[lowest]
        known[caller] = value
        if not value:
            del known[caller]

    @rule(row=ROWS)
    def clear(self, row: int) -> None:
        self.tables[row].clear()
        self.known[row] = {}

    @rule(row=ROWS, caller=CALLERS)
    def look(self, row: int, caller: str) -> None:
        told = [known.get(caller, 0) for known in self.known]
        table = self.tables[row]
        assert [value for value in table.everywhere(caller) if value] == [v for v in told if v]
        del told[row]
        assert [value for value in table.elsewhere(caller) if value] == [v for v in told if v]


TestTables = Tables.TestCase
TestTables.settings = settings(max_examples=25, stateful_step_count=40, deadline=None)


def test_a_full_bucket_keeps_who_holds_most() -> None:
    """Who holds least loses his place, and has it again when he holds more than another."""
    mine, other, _ = tables()
    for number in range(1, 6):
        mine.put(f"(0, {number})", 10 * number)
    assert [other.elsewhere(f"(0, {number})") for number in range(1, 6)] == [
        [],
        [20],
        [30],
        [40],
        [50],
    ]
    mine.put("(0, 1)", 5)
    assert other.elsewhere("(0, 1)") == []
    mine.put("(0, 1)", 25)
    assert other.elsewhere("(0, 1)") == [25]
    assert other.elsewhere("(0, 2)") == []
