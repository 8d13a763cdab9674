"""Bars, sections and the report that is made of them."""

import json
from pathlib import Path

from benchmarks import report
from benchmarks.bar import Bar
from benchmarks.section import Section
from sketchzoo.load.drawings import drawing


def test_a_bar_says_whether_it_is_met_in_one_line() -> None:
    """The line that scripts read: name, value, bar, verdict."""
    assert str(Bar("share", 0.912, ">=", 0.9)) == "bar share value 0.912 bar >=0.9 met"
    assert str(Bar("seconds", 2.5, "<=", 2)) == "bar seconds value 2.5 bar <=2 missed"


def test_the_report_names_machine_command_and_what_missed(tmp_path: Path) -> None:
    """Markdown, JSON and a picture; the JSON has every bar and figure."""
    section = Section(
        "A thing",
        ("what", "value"),
        [("speed", 12.0)],
        [Bar("fast", 1.0, ">=", 2), Bar("small", 1.0, "<=", 2)],
        figures={"speed": 12.0},
    )
    report.write(tmp_path, [section], {"cores": "2"}, "python -m benchmarks")
    text = (tmp_path / "report.md").read_text()
    assert "1 of 2 bars met. Missed: fast." in text
    assert "cores: 2" in text
    assert "| speed | 12 |" in text
    found = json.loads((tmp_path / "report.json").read_text())
    assert [bar["met"] for bar in found["bars"]] == [False, True]
    assert found["figures"] == {"speed": 12.0}
    assert (tmp_path / "bars.png").stat().st_size > 1000


def test_drawings_differ_by_seed_and_only_by_it() -> None:
    """So that no cache answers, and every run asks the same."""
    assert drawing(1) == drawing(1) != drawing(2)
