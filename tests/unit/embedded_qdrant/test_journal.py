"""The journal of an index build."""

from pathlib import Path

import pytest
from qdrant_client import grpc

from embedded_qdrant import journal as journal_module
from embedded_qdrant.journal import Journal, JournalFullError
from embedded_qdrant.operations import Overwrite, Write


def _upsert(number: int) -> grpc.UpsertPoints:
    point = grpc.PointStruct(id=grpc.PointId(num=number))
    return grpc.UpsertPoints(collection_name="c", points=[point])


WRITES: list[Write] = [
    _upsert(1),
    grpc.DeletePoints(collection_name="c"),
    grpc.SetPayloadPoints(collection_name="c", key="k"),
    Overwrite(grpc.SetPayloadPoints(collection_name="c", key="o")),
    grpc.DeletePayloadPoints(collection_name="c", keys=["k"]),
    grpc.CreateFieldIndexCollection(collection_name="c", field_name="f"),
]


def test_writes_come_back_in_their_order_and_kind(tmp_path: Path) -> None:
    """Every kind of write is given back as it was noted; overwriting stays overwriting."""
    journal = Journal(tmp_path, 1 << 20)
    for write in WRITES:
        journal.append(write)
    back = list(journal.read(100))
    assert [type(write) for write in back] == [type(write) for write in WRITES]
    assert back[2] == WRITES[2]
    assert isinstance(back[3], Overwrite)
    assert back[3].request.key == "o"
    journal.close()


def test_writes_noted_while_reading_come_last(tmp_path: Path, monkeypatch: object) -> None:
    """Reading and noting take turns, in memory and past it, and nothing is read twice."""
    monkeypatch.setattr(journal_module, "_IN_MEMORY_BYTES", 100)  # type: ignore[attr-defined] # the fixture
    journal = Journal(tmp_path, 1 << 20)
    seen = []
    for number in range(50):
        journal.append(_upsert(2 * number))
        journal.append(_upsert(2 * number + 1))
        seen += [write.points[0].id.num for write in journal.read(1)]  # type: ignore[union-attr] # upserts only
    assert journal.length == 50
    seen += [write.points[0].id.num for write in journal.read(journal.length)]  # type: ignore[union-attr] # upserts only
    assert seen == list(range(100))
    journal.close()


def test_a_full_journal_says_so(tmp_path: Path) -> None:
    """Past its limit the journal refuses, and keeps what it has."""
    journal = Journal(tmp_path, 30)
    journal.append(_upsert(1))
    journal.append(_upsert(2))
    with pytest.raises(JournalFullError):
        journal.append(_upsert(3))
    assert journal.length == 2
    journal.close()
