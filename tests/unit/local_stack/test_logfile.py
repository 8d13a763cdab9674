"""What a part's log says of a failure."""

import json
from pathlib import Path

import pytest

from local_stack.logfile import last_problem


def event(name: str, level: str = "info", **values: object) -> str:
    return json.dumps({"event": name, "level": level, "timestamp": "t", "part": "p", **values})


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "it said nothing"),
        ([event("listening", port=1)], "listening port=1"),
        (
            [event("check failed", "error", reason="away"), event("listening", port=1)],
            "check failed reason=away",
        ),
        (
            [event("readiness", ready=False, problem="encoder: away"), event("listening")],
            "readiness ready=False problem=encoder: away",
        ),
        ([event("listening"), "search: no such folder", ""], "search: no such folder"),
        ([event("listening"), "[1, 2]"], "[1, 2]"),
    ],
)
def test_the_last_problem_is_told_in_words(lines: list[str], said: str, tmp_path: Path) -> None:
    """Not the last line, which may be of something that went well meanwhile."""
    log = tmp_path / "part.log"
    log.write_text("\n".join(lines))
    assert last_problem(log) == said


def test_only_the_end_of_a_long_log_is_read(tmp_path: Path) -> None:
    """A part that has run for weeks may have written gigabytes."""
    log = tmp_path / "part.log"
    log.write_text("x" * 100_000 + "\n" + event("away", "warning") + "\n")
    assert last_problem(log) == "away"


def test_a_log_that_is_missing_is_told(tmp_path: Path) -> None:
    """A failure is never hidden by another."""
    assert "can't be read" in last_problem(tmp_path / "none.log")
