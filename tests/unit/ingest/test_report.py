"""The tally and the report of a run."""

import csv
import io
import json

from prometheus_client import CollectorRegistry

from ingest.metrics import IngestMetrics
from ingest.outcome import Outcome, Reason, Refusal
from ingest.report import ExitStatus, Report
from ingest.tally import Tally


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
    tally = Tally(IngestMetrics(CollectorRegistry()), file)
    tally.refuse(Refusal("a, b.jpg", Reason.EMPTY, 'is "empty"', "file:///a", "cat"))
    tally.refuse(Refusal("c.jpg", Reason.DUPLICATE, "again"))
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
    tally.count(Outcome.WRITTEN, 2)
    tally.refuse(Refusal("a", Reason.DUPLICATE, ""))
    tally.refuse(Refusal("b", Reason.EMPTY, ""))
    assert tally.refused_share == 0.25


def test_left_out_folder_spares_all_below() -> None:
    """A folder that could not be listed spares whatever lies below it."""
    tally = Tally(IngestMetrics(CollectorRegistry()))
    tally.refuse(Refusal("cat", Reason.UNREADABLE, "", "file:///zoo/cat/"))
    assert tally.spares("file:///zoo/cat/a.jpg")
    assert not tally.spares("file:///zoo/catfish/a.jpg")
