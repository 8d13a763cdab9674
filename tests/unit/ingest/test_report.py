"""The tally and the report of a run."""

import csv
import io
import json

from prometheus_client import CollectorRegistry

from sketchzoo.ignored import Ignored
from sketchzoo_ingest.metrics import IngestMetrics
from sketchzoo_ingest.outcome import Outcome, Reason, Refusal
from sketchzoo_ingest.report import ExitStatus, Report
from sketchzoo_ingest.survey import Spared
from sketchzoo_ingest.tally import RefusalsFile, Tally
from tests.unit.ingest.fakes import counted, listed


def report(**values: object) -> Report:
    return Report(
        status=ExitStatus.DONE,
        sources=["zoo"],
        alias="photos",
        collection="photos-abc",
        outcomes={Outcome.WRITTEN: 3, Outcome.REFUSED: 2},
        reasons={Reason.EMPTY: 2},
        seconds=2.0,
        **values,  # type: ignore[arg-type]
    )


def test_json_has_every_outcome() -> None:
    """The JSON report has a number for each outcome, the reasons met, and the exit status."""
    document = json.loads(report().to_json())
    assert document["photos"] == {
        "total": 5,
        "written": 3,
        "updated": 0,
        "unchanged": 0,
        "duplicate": 0,
        "refused": 2,
    }
    assert document["reasons"] == {"empty": 2}
    assert (document["status"], document["exit_status"]) == ("done", 0)
    assert document["photos_per_second"] == 2.5


def test_table_says_what_would_be() -> None:
    """A dry run's table says would, a real one's says what was."""
    assert ("written", "3") in report().lines()
    assert ("would be written", "3") in report(dry_run=True).lines()
    assert ("  empty", "2") in report().lines()


def test_table_names_what_was_replaced() -> None:
    """A published collection is named with the one before."""
    rows = dict(report(published=True, replaced="photos-old").lines())
    assert rows["published"] == "photos names photos-abc, before photos-old"


def test_each_refusal_is_a_row_at_once() -> None:
    """A refusal is in the CSV file when it is counted, so that a kill loses none."""
    file = io.StringIO(newline="")
    tally = Tally(IngestMetrics(CollectorRegistry()), RefusalsFile(file))
    tally.refuse(Refusal("a, b.jpg", Reason.EMPTY, 'is "empty"', "file:///a", "cat"), listed())
    tally.refuse(Refusal("c.jpg", Reason.DUPLICATE, "again"), listed())
    assert list(csv.DictReader(io.StringIO(file.getvalue()))) == [
        {
            "origin": "a, b.jpg",
            "uri": "file:///a",
            "class": "cat",
            "reason": "empty",
            "message": 'is "empty"',
        },
        {"origin": "c.jpg", "uri": "", "class": "", "reason": "duplicate", "message": "again"},
    ]
    assert tally.outcomes == {Outcome.REFUSED: 1, Outcome.DUPLICATE: 1}


def test_refused_share() -> None:
    """Duplicates are not counted as refused; no photo at all is a share of 0."""
    tally = Tally(IngestMetrics(CollectorRegistry()))
    assert tally.refused_share == 0
    counted(tally, Outcome.WRITTEN, 2)
    tally.refuse(Refusal("a", Reason.DUPLICATE, ""), listed())
    tally.refuse(Refusal("b", Reason.EMPTY, ""), listed())
    assert tally.refused_share == 0.25


def test_table_says_what_was_spared_and_passed_over() -> None:
    """Each spared place has its number of photos and why; what was passed over has its kinds."""
    rows = report(
        spared={Spared("file:///zoo/owl", "is not there"): 3, Spared("", "refused"): 5},
        passed_over={Ignored.SIDECAR: 2, Ignored.SYSTEM_FOLDER: 1},
    )
    assert ("spared", "3 file:///zoo/owl: is not there") in rows.lines()
    assert ("spared", "5 single photos: refused") in rows.lines()
    assert ("passed over", "sidecar 2, system folder 1") in rows.lines()
    document = json.loads(rows.to_json())
    assert document["passed_over"] == {"sidecar": 2, "system_folder": 1}
    assert document["spared"] == [
        {"place": "", "why": "refused", "photos": 5},
        {"place": "file:///zoo/owl", "why": "is not there", "photos": 3},
    ]


def test_many_spared_places_do_not_fill_the_table() -> None:
    """The table names the places with the most photos; JSON names all."""
    rows = report(spared={Spared(f"file:///zoo/{n:03}", "x"): n + 1 for n in range(100)})
    spared = [value for name, value in rows.lines() if name == "spared"]
    assert len(spared) == 21
    assert spared[-1] == "80 places more: --json names them"
    assert len(json.loads(rows.to_json())["spared"]) == 100


def test_each_reason_has_its_first_photo() -> None:
    """The table and JSON show the first photo left out for each reason, and what it met."""
    first = Refusal("photos.csv:2", Reason.EMPTY, "is empty")
    rows = report(examples={Reason.EMPTY: first})
    assert ("  empty", "2, first photos.csv:2: is empty") in rows.lines()
    assert json.loads(rows.to_json())["examples"] == {
        "empty": {"origin": "photos.csv:2", "message": "is empty"}
    }
