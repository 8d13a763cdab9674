"""Load: when calls are due, what is counted of them, and what is made of it."""

import asyncio
import io
import itertools
import math
import time
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sketchzoo.client import Query
from sketchzoo.load import (
    Bench,
    Requests,
    Slo,
    Step,
    Tally,
    Verdict,
    as_strokes,
    call_once,
    drawing,
    drawings_of,
    offsets,
    open_loop,
    quantiles,
)
from sketchzoo.search.v1 import search_pb2
from tests.artefacts import drawing as drawn


def tally(answered: list[float], *, failed: int = 0, late: float = 0.0) -> Tally:
    """Return a tally of calls that took so many seconds, and of some that failed."""
    made = Tally()
    for seconds in answered:
        made.add_answer(0.0, late, seconds)
        made.late.append(late)
    for _ in range(failed):
        made.add_refusal("RESOURCE_EXHAUSTED", 0.001, None)
        made.late.append(late)
    return made


def step(made: Tally, rate: float = 10.0) -> Step:
    return Step(rate, made, 1.0, 1.0, 0.5)


def test_fixed_arrivals_have_equal_pauses() -> None:
    """So many as rate and time say, the first at once."""
    assert list(offsets("fixed", 4, 1)) == [0, 0.25, 0.5, 0.75]


def test_poisson_arrivals_come_at_the_rate_and_in_clusters() -> None:
    """In order, within the time, as many on average, and pauses as wide as their mean."""
    found = list(offsets("poisson", 100, 100, seed=3))
    assert found == sorted(found)
    assert found[-1] < 100
    assert 9_600 < len(found) < 10_400
    pauses = [after - before for before, after in itertools.pairwise(found)]
    mean = sum(pauses) / len(pauses)
    spread = math.sqrt(sum((pause - mean) ** 2 for pause in pauses) / len(pauses))
    assert 0.9 < spread / mean < 1.1
    assert found == list(offsets("poisson", 100, 100, seed=3))


def test_percentiles_are_of_the_nearest_rank() -> None:
    """Each is a time that some call took; of none they are 0."""
    found = quantiles(array("d", [float(number) for number in range(1, 101)]))
    assert [found[name] for name in ("p50", "p90", "p99", "p99.9", "max")] == [50, 90, 99, 100, 100]
    assert set(quantiles(array("d")).values()) == {0.0}


async def test_a_call_s_time_begins_when_it_was_due() -> None:
    """A call that was sent a second late took that second as well: nothing is omitted."""

    async def call(_: int) -> None:
        pass

    made = Tally()
    await call_once(call, 0, time.perf_counter() - 1, made)
    assert made.answered[0] >= 1
    assert made.late[0] >= 1
    assert made.exchanged[0] < made.answered[0] - 0.9


async def test_calls_do_not_wait_for_those_before() -> None:
    """The first is answered when the tenth has come: in a closed loop none would be."""
    tenth = asyncio.Event()

    async def call(index: int) -> None:
        if index == 9:
            tenth.set()
        await tenth.wait()

    made = Tally()
    await asyncio.wait_for(
        open_loop(call, offsets("fixed", 200, 0.05), made, most_under_way=10), 20
    )
    assert made.ok == 10


async def test_more_under_way_than_may_be_are_not_sent_and_count() -> None:
    """What a server that stands still makes a client hold is bounded."""

    async def call(_: int) -> None:
        await asyncio.Event().wait()

    last = asyncio.Event()

    def dues() -> Iterator[float]:
        yield from [0.0] * 10
        last.set()

    made = Tally()
    running = asyncio.create_task(open_loop(call, dues(), made, most_under_way=3))
    await last.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert made.codes == {"NOT_SENT": 7}
    assert made.within(0.5) == math.inf


async def test_a_client_that_is_behind_is_told_from_a_slow_server() -> None:
    """Calls that hold the client's own loop up make it late: it cannot tell, and says so."""

    async def call(_: int) -> None:
        time.sleep(0.03)  # noqa: ASYNC251 - it is what holds the loop up

    bench = Bench(call, 0.3, "fixed", slo=Slo.parse("p99=10ms"))
    await bench.at([100])
    (found,) = bench.steps
    assert not found.on_time
    assert found.verdict(bench.slo) is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("made", "verdict"),
    [
        (tally([0.01] * 99 + [9.0]), Verdict.MET),
        (tally([0.01] * 98 + [9.0] * 2), Verdict.MISSED),
        (tally([0.01] * 99, failed=1), Verdict.MET),
        (tally([0.01] * 97, failed=3), Verdict.MISSED),
        (tally([0.01] * 98 + [9.0] * 2, late=0.006), Verdict.MISSED),
        (tally([1.01] * 98 + [9.0] * 2, late=1.0), Verdict.UNKNOWN),
        (tally([1.01] * 97, failed=3, late=1.0), Verdict.MISSED),
        (tally([0.01] * 99 + [9.0], late=0.006), Verdict.MET),
        (Tally(), None),
    ],
)
def test_an_objective_is_of_all_calls(made: Tally, verdict: Verdict | None) -> None:
    """A failed one was never answered; a late client makes what is missed unknown."""
    assert step(made).verdict(Slo.parse("p99=100ms")) is verdict


@pytest.mark.parametrize("slo", ["p99=60s", "errors=1%"])
def test_what_a_client_that_is_behind_did_not_send_is_not_held(slo: str) -> None:
    """Its target was asked for 100 a second of 1,000: whether it holds them nobody knows."""
    found = Step(1_000, tally([1.01] * 100, late=1.0), 1.0, 1.0, 1.0)
    assert found.verdict(Slo.parse(slo)) is Verdict.UNKNOWN


@pytest.mark.parametrize(("late", "verdict"), [(0.0, Verdict.MISSED), (1.0, Verdict.UNKNOWN)])
@pytest.mark.parametrize("slo", ["p99=100ms", "errors=1%"])
def test_calls_left_unsent_are_the_server_s_fault_if_the_client_is_on_time(
    slo: str, late: float, verdict: Verdict
) -> None:
    """A client that is behind has its own answers under way."""
    made = tally([late + 0.01] * 90, late=late)
    made.codes["NOT_SENT"] += 10
    assert step(made).verdict(Slo.parse(slo)) is verdict


def test_a_share_of_errors_is_judged_by_itself() -> None:
    """Whatever the times are."""
    slo = Slo.parse("errors=1%")
    assert step(tally([9.0] * 99, failed=1)).verdict(slo) is Verdict.MET
    assert step(tally([0.1] * 98, failed=2)).verdict(slo) is Verdict.MISSED


def test_objectives_are_written_as_they_are_read() -> None:
    """In milliseconds or seconds, a share in per cent."""
    slo = Slo.parse("p99=200ms, p99.9=1.5s,errors=0.1%")
    assert slo.percentiles == (("p99", 0.99, 0.2), ("p99.9", pytest.approx(0.999), 1.5))
    assert slo.errors == pytest.approx(0.001)
    assert str(slo) == "p99=200ms,p99.9=1500ms,errors=0.1%"
    assert Slo.parse(str(slo)) == slo


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "cannot be read"),
        ("p99", "'p99' cannot be read"),
        ("p99=200", "write p99=200ms"),
        ("p100=1s", "cannot be read"),
        ("errors=0.1", "cannot be read"),
        ("p99=1s,p99=2s", "p99 is stated twice"),
    ],
)
def test_what_is_no_objective_is_told_with_what_would_be(text: str, said: str) -> None:
    """ValueError, for the command line."""
    with pytest.raises(ValueError, match=said):
        Slo.parse(text)


class _Holding(Bench):
    """Meets its objective up to a rate, without a server."""

    async def _step(self, rate: float) -> Step:
        self.steps.append(step(tally([0.01 if rate <= 37 else 9.0] * 100), rate))
        return self.steps[-1]


@pytest.mark.parametrize("first", [1.0, 10.0, 37.0, 500.0])
async def test_the_highest_rate_that_holds_is_found_to_a_tenth(first: float) -> None:
    """From below or from above."""
    bench = _Holding(asyncio.sleep, 10.0, slo=Slo.parse("p99=100ms"))
    found = await bench.highest(first)
    assert found is not None
    assert 37 / 1.1 <= found <= 37
    assert len(bench.steps) < 15


async def test_no_rate_that_holds_ends_the_search() -> None:
    """Where so few calls would be left that they say nothing."""
    bench = _Holding(asyncio.sleep, 0.1, slo=Slo.parse("p99=100ms"))
    assert await bench.highest(400.0) is None
    assert [each.rate for each in bench.steps] == [400, 200, 100]


def requests(sketch: Any, *, repeated: bool = False) -> Requests:
    return Requests([Query(sketch=sketch).message()], repeated=repeated)


def test_each_query_is_one_of_its_own(tmp_path: Path) -> None:
    """Of all numbers and runs, and still the same picture."""
    path = tmp_path / "sketch.png"
    path.write_bytes(drawn(1))
    runs = requests(path), requests(path)
    sent = [
        search_pb2.SearchRequest.FromString(run(number)).query.sketch
        for run in runs
        for number in range(50)
    ]
    assert len(set(sent)) == 100
    for content in sent[:3]:
        assert Image.open(io.BytesIO(content)).tobytes() == Image.open(path).tobytes()


def test_strokes_differ_by_a_line() -> None:
    """Which stays on the canvas, so that no service refuses it."""
    asked = requests(as_strokes(drawing(0)))
    sent = [search_pb2.SearchRequest.FromString(asked(n)).query.strokes for n in (-1, 0, 1, 2**40)]
    assert len({message.SerializeToString() for message in sent}) == 4
    for message in sent:
        assert message.strokes[:-1] == drawing(0).strokes
        assert as_strokes(message)


def test_queries_may_be_repeated(tmp_path: Path) -> None:
    """To measure what a service answers from what it keeps."""
    path = tmp_path / "sketch.png"
    path.write_bytes(drawn(1))
    asked = requests(path, repeated=True)
    assert asked(0) == asked(1)


def test_drawings_are_listed_as_photos_are(tmp_path: Path) -> None:
    """What a Mac or a drive leaves beside them is none, and would count as a failure."""
    (tmp_path / "@eaDir").mkdir()
    for name in ("a.png", "b.HEIC", "._a.png", "@eaDir/a.png", "c.txt"):
        (tmp_path / name).write_bytes(drawn(1))
    assert [path.name for path in drawings_of(tmp_path)] == ["a.png", "b.HEIC"]


def test_so_many_drawings_are_taken_as_memory_has_room_for(tmp_path: Path) -> None:
    """The client holds them all: a folder of large pictures is cut at 256 MiB."""
    for number in range(5):
        with (tmp_path / f"{number}.png").open("wb") as file:
            file.truncate(100 * 2**20)
    assert [path.name for path in drawings_of(tmp_path)] == ["0.png", "1.png"]
