"""Listing a Parquet table of photos."""

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from sketchzoo_ingest.outcome import Reason, Refusal
from sketchzoo_ingest.sources import Candidate, ClassFrom, ManifestSource, open_source


def table(folder: Path, columns: dict[str, Any], **options: Any) -> ManifestSource:
    path = folder / "photos.parquet"
    parquet.write_table(pa.table(columns), path, row_group_size=2)
    source = open_source(str(path), **options)
    assert isinstance(source, ManifestSource)
    return source


def listed(source: ManifestSource) -> list[Candidate]:
    return [entry for entry in source.candidates() if isinstance(entry, Candidate)]


def refused(source: ManifestSource) -> list[tuple[str, Reason, str]]:
    return [
        (entry.origin.rpartition(":")[2], entry.reason, entry.message)
        for entry in source.candidates()
        if isinstance(entry, Refusal)
    ]


def test_columns_keep_their_types(tmp_path: Path) -> None:
    """Own columns are payload as they are typed; what is missing or no number has no field."""
    when = dt.datetime(2024, 7, 1, 12, tzinfo=dt.UTC)
    source = table(
        tmp_path,
        {
            "path": ["a.jpg", "sub/b.jpg", "c.jpg"],
            "code": ["007", None, ""],
            "likes": pa.array([1, None, 3], pa.int32()),
            "weight": [0.5, float("nan"), 2.0],
            "wild": [True, False, None],
            "tags": [["a", "b"], [], None],
            "seen": pa.array([when, None, None], pa.timestamp("ms", "UTC")),
            "kind": pa.array(["x", "y", "x"]).dictionary_encode(),
        },
    )
    first, second, third = listed(source)
    assert first.payload == {
        "code": "007",
        "likes": 1,
        "weight": 0.5,
        "wild": True,
        "tags": ["a", "b"],
        "seen": "2024-07-01T12:00:00+00:00",
        "kind": "x",
    }
    assert second.payload == {"wild": False, "kind": "y"}
    assert third.payload == {"likes": 3, "weight": 2.0, "kind": "x"}
    assert (second.folder, second.file_name) == ("sub", "b.jpg")
    assert source.classes.of is ClassFrom.NONE


def test_named_columns_fill_fields(tmp_path: Path) -> None:
    """Columns named as a photo's own fields fill them, in whichever type they come."""
    source = table(
        tmp_path,
        {
            "uri": [(tmp_path / "a.jpg").as_uri()] * 2,
            "class": ["owl", None],
            "folder": ["2024/summer", None],
            "file_name": ["IMG_1.jpg", None],
            "taken_at": pa.array([dt.datetime(2024, 7, 1, 12), None]),  # noqa: DTZ001 - a camera's clock
            "camera": ["Canon", None],
            "location": [{"lat": 48.2, "lon": 16.4}, None],
            "rating": pa.array([4, None], pa.int8()),
        },
    )
    first, second = listed(source)
    assert (first.class_name, first.folder, first.file_name) == ("owl", "2024/summer", "IMG_1.jpg")
    assert first.taken_at == dt.datetime(2024, 7, 1, 12, tzinfo=dt.UTC)
    assert (first.camera, first.place, first.rating) == ("Canon", (48.2, 16.4), 4)
    assert first.payload == {}
    assert (second.class_name, second.file_name, second.rating) == ("", "a.jpg", None)


def test_csv_names_the_same_fields(tmp_path: Path) -> None:
    """A CSV manifest's columns of the same names fill the same fields from text."""
    path = tmp_path / "photos.csv"
    path.write_text(
        "path,taken_at,location,rating,camera,likes\n"
        'a.jpg,2024-07-01T12:00:00+02:00,"48.2, 16.4",5,Canon,3\n'
        "b.jpg,2024-07-01,,,,4\n"
        "c.jpg,yesterday,,,,5\n"
        'd.jpg,,"91,0",,,6\n'
        "e.jpg,,,6,,7\n"
    )
    source = open_source(str(path))
    assert isinstance(source, ManifestSource)
    first, second = listed(source)
    assert first.taken_at == dt.datetime(2024, 7, 1, 10, tzinfo=dt.UTC)
    assert (first.place, first.rating, first.camera) == ((48.2, 16.4), 5, "Canon")
    assert first.payload == {"likes": 3}
    assert second.taken_at == dt.datetime(2024, 7, 1, tzinfo=dt.UTC)
    assert refused(source) == [
        (
            "4",
            Reason.BAD_ROW,
            "its taken_at must be a time as 2024-07-01T12:30:00, not 'yesterday'",
        ),
        ("5", Reason.BAD_ROW, "its location must be degrees as 48.2,16.37, not '91,0'"),
        ("6", Reason.BAD_ROW, "its rating must be a whole number from -1 to 5, not '6'"),
    ]


def test_columns_that_no_payload_holds(tmp_path: Path) -> None:
    """Columns of bytes, vectors and nested values are left out; reserved names are refused."""
    columns = {
        "path": ["a.jpg"],
        "image": [b"x"],
        "vector": [[0.1, 0.2]],
        "more": [{"a": 1}],
        "ok": [1],
    }
    assert [candidate.payload for candidate in listed(table(tmp_path, columns))] == [{"ok": 1}]
    with pytest.raises(ValueError, match="'sha256' has the name of a field that ingest"):
        table(tmp_path, {"path": ["a.jpg"], "sha256": ["x"]})
    with pytest.raises(ValueError, match="must have a column `path`, `url` or `uri`, not 'file'"):
        table(tmp_path, {"file": ["a.jpg"]})
    [(_, reason, message)] = refused(
        table(tmp_path, {"path": ["a.jpg"], "n": pa.array([2**64 - 1], pa.uint64())})
    )
    assert (reason, "no machine counts in" in message) == (Reason.BAD_ROW, True)


def test_times_of_any_unit(tmp_path: Path) -> None:
    """Nanoseconds, as pandas writes them, lose what no payload holds; no wrong time is a crash."""
    moments = pa.array([1_700_000_000_123_456_789], pa.timestamp("ns", "UTC"))
    [found] = listed(table(tmp_path, {"path": ["a.jpg"], "seen": moments, "taken_at": moments}))
    assert found.payload == {"seen": "2023-11-14T22:13:20.123456+00:00"}
    assert found.taken_at == dt.datetime(2023, 11, 14, 22, 13, 20, 123456, dt.UTC)
    for days in (pa.array([2**31 - 1], pa.date32()), pa.array([2**62], pa.timestamp("us"))):
        [(_, reason, _)] = refused(table(tmp_path, {"path": ["a.jpg"], "day": days}))
        assert reason is Reason.BAD_ROW
    [(_, reason, message)] = refused(table(tmp_path, {"path": ["a.jpg"], "taken_at": [5]}))
    assert (reason, message) == (
        Reason.BAD_ROW,
        "its taken_at must be a time as 2024-07-01T12:30:00, not '5'",
    )


def test_cells_are_as_long_as_those_of_csv(tmp_path: Path) -> None:
    """One that is longer spoils its row alone."""
    columns = {"path": ["a.jpg", "b.jpg", "c.jpg"], "note": ["x", "x" * 200_000, "x"]}
    source = table(tmp_path, columns)
    assert refused(source) == [("2", Reason.BAD_ROW, "has a note of over 131,072 characters")]
    assert len(listed(source)) == 2


def test_files_that_are_no_tables(tmp_path: Path) -> None:
    """What is no Parquet file is refused before anything starts; one that breaks ends there."""
    path = tmp_path / "photos.parquet"
    path.write_bytes(b"no table")
    with pytest.raises(ValueError, match="can't be read as a Parquet file"):
        open_source(str(path))
    source = table(tmp_path, {"path": [f"{n}.jpg" for n in range(5)]})
    path.write_bytes(path.read_bytes()[:100])
    [(row, reason, message)] = refused(source)
    assert (row, reason, "cannot be read" in message) == ("1", Reason.BAD_ROW, True)


def test_class_column_is_said_or_found(tmp_path: Path) -> None:
    """A class column is used unless the operator says none; without one there is none to use."""
    columns = {"path": ["a.jpg"], "class": ["owl"]}
    assert [c.class_name for c in listed(table(tmp_path, columns))] == ["owl"]
    without = table(tmp_path, columns, class_from=ClassFrom.NONE)
    assert [c.class_name for c in listed(without)] == [""]
    with pytest.raises(ValueError, match="--class-from must be none, or name a column `class`"):
        table(tmp_path, {"path": ["a.jpg"]}, class_from=ClassFrom.COLUMN)
    with pytest.raises(ValueError, match="--class-from must be column or none"):
        table(tmp_path, columns, class_from=ClassFrom.FOLDER)


def test_buckets_in_rows_are_the_operators(tmp_path: Path) -> None:
    """A row names an object only below what the operator allows: the credentials are theirs."""
    columns = {"uri": ["s3://mine/zoo/a.jpg", "s3://mine/zoology/a.jpg", "s3://theirs/a.jpg"]}
    source = table(tmp_path, columns, roots=("s3://mine/zoo",))
    [candidate] = listed(source)
    assert (candidate.uri, candidate.file_name) == ("s3://mine/zoo/a.jpg", "a.jpg")
    assert candidate.is_remote
    assert {reason for _, reason, _ in refused(source)} == {Reason.OUTSIDE}
    assert "--manifest-root" in refused(source)[0][2]


@pytest.mark.parametrize("name", ["part-{0..2}.parquet", "part-*.parquet", ""])
def test_many_files_are_one_table(tmp_path: Path, name: str) -> None:
    """A pattern, or a folder called as a table, is all its files' rows in their order."""
    folder = tmp_path / "photos.parquet"
    folder.mkdir()
    for part in range(3):
        columns = {"path": [f"{part}.jpg"], "likes": [part], "__index_level_0__": [0]}
        parquet.write_table(pa.table(columns), folder / f"part-{part}.parquet")
    (folder / "_SUCCESS").touch()
    source = open_source(str(folder / name))
    assert isinstance(source, ManifestSource)
    assert [c.payload for c in listed(source)] == [{"likes": 0}, {"likes": 1}, {"likes": 2}]
    assert listed(source)[0].uri == (folder / "0.jpg").as_uri()
    (folder / "part-1.parquet").write_bytes(b"broken")
    assert [c.payload for c in listed(source)] == [{"likes": 0}, {"likes": 2}]
    assert [row for row, _, _ in refused(source)] == ["2"]
