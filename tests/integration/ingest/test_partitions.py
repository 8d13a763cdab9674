"""Partitions done in any order, and closed, come to the gallery of the one process."""

import asyncio
import io
import os
import pickle
import random
import tarfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
import structlog
from PIL import Image
from pyarrow import parquet

from sketchzoo.qdrant import PhotoWriter, connect
from sketchzoo.storage import Storage
from sketchzoo_ingest.bootstrap import run
from sketchzoo_ingest.outcome import Outcome, Reason
from sketchzoo_ingest.settings import IngestSettings
from sketchzoo_ingest.sources import open_source
from sketchzoo_ingest.sources.section import Section, sections
from tests.artefacts import EncoderProcess, picture
from tests.integration.ingest.gallery import Gallery

pytest.importorskip("ray", reason="needs the extra ray")

from sketchzoo_ingest.ray.closing import Closed, close
from sketchzoo_ingest.ray.encoders import EncoderPool, Line
from sketchzoo_ingest.ray.plan import Draft, Plan
from sketchzoo_ingest.ray.records import Records
from sketchzoo_ingest.ray.summary import Summary
from sketchzoo_ingest.ray.worker import Worker

PHOTOS = 40
A_PARTITION = 7


@pytest.fixture(autouse=True)
def logs() -> Iterator[None]:
    """Leave no log's level behind: workers configure this process's as if it were theirs."""
    yield
    structlog.reset_defaults()


class _Answer:
    """A method of an actor that is none: it answers at once."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer
        self.calls: list[tuple[Any, ...]] = []

    async def _given(self) -> Any:
        return self._answer

    def remote(self, *arguments: Any) -> Any:
        self.calls.append(arguments)
        return self._given() if self._answer is not None else None


def a_board(begun: int = 1) -> Any:
    places = {"take_place": _Answer(1), "give_back": _Answer(None)}
    return SimpleNamespace(**places, tell=_Answer(0), begin=_Answer(begun))


@pytest.fixture
def zoo(folder: Path) -> Path:
    """Make photos, some twice in other classes, some resized elsewhere, one that is none."""
    for i in range(PHOTOS):
        put(folder, f"class{i % 5}/{i:02}.jpg", picture(i, (96, 64)))
    put(folder, "class4/again.jpg", picture(0, (96, 64)))
    put(folder, "class2/00-first.jpg", picture(3, (96, 64)))
    put(folder, "class4/small.jpg", resized(picture(5, (96, 64))))
    put(folder, "class0/zz-small.jpg", resized(picture(39, (96, 64))))
    put(folder, "class1/none.jpg", b"no picture")
    return folder


def put(folder: Path, name: str, content: bytes) -> None:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


def resized(content: bytes) -> bytes:
    file = io.BytesIO()
    Image.open(io.BytesIO(content)).resize((72, 48)).save(file, "JPEG", quality=95)
    return file.getvalue()


class Job:
    """A job whose partitions this process does, in any order."""

    def __init__(self, folder: Path, settings: IngestSettings, checkpoint: Path) -> None:
        with Storage() as storage:
            source = open_source(str(folder), storage)
            self.sections = list(sections(source, 0, A_PARTITION))
        draft = Draft(settings, (str(folder),), (source.classes.of,), str(checkpoint))
        self.plan = self._planned(draft)
        Records(self.plan.records).prepare()

    @staticmethod
    def _planned(draft: Draft) -> Plan:
        settings = draft.settings

        async def plan() -> Plan:
            pool = EncoderPool(settings, [Line(settings.encoder_target)])
            model = await pool.model(60)
            await pool.close()
            connection = connect(settings)
            writer = PhotoWriter(connection, settings.gallery, settings.collection_options())
            collection = await writer.open(model.fingerprint, model.dimension)
            await connection.close()
            return draft.plan(model, collection)

        return asyncio.run(plan())

    def do(self, order: Sequence[int]) -> Summary:
        worker = Worker(self.plan, a_board(), [Line(self.plan.settings.encoder_target)])
        try:
            return Summary.sum(done(worker, number, self.sections[number]) for number in order)
        finally:
            worker.close()

    def close(self, counted: Summary) -> Closed:
        return close(self.plan, len(self.sections), counted)

    def run(self, seed: int) -> Summary:
        """Do all partitions in an order of chance; return what the job came to."""
        order = list(range(len(self.sections)))
        random.Random(seed).shuffle(order)
        counted = self.do(order)
        closed = self.close(counted)
        assert not closed.problem
        return Summary.sum((counted, closed.correction))

    def letters(self) -> list[dict[str, str]]:
        table: list[dict[str, str]] = parquet.read_table(self.plan.letters).to_pylist()
        return table


def done(worker: Worker, number: int, section: Section) -> Summary:
    answer = worker({"number": [number], "section": [pickle.dumps(section)]})
    assert answer["problem"] == [None]
    return Summary.from_json(answer["summary"][0])


@pytest.fixture
def settings(environment: dict[str, str], encoder: EncoderProcess) -> IngestSettings:
    return IngestSettings(
        qdrant_url=environment["SKETCHZOO_QDRANT_URL"],
        qdrant_timeout_seconds=60,
        encoder_target=encoder.target,
        gallery=environment["SKETCHZOO_GALLERY"],
        log_level="error",
    )


def by_process(folder: Path, settings: IngestSettings) -> Any:
    """Ingest in one process; return the report."""
    return run(settings, [str(folder)])


def test_any_order_comes_to_the_gallery_of_one_process(
    zoo: Path, settings: IngestSettings, gallery: Gallery, tmp_path: Path
) -> None:
    """Points, payloads, bursts, outcomes and refusals are the same, whatever was done first."""
    alias = settings.gallery
    one = by_process(zoo, settings.model_copy(update={"gallery": f"{alias}one"}))
    expected = gallery.points(f"{alias}one")
    for seed in range(2):
        own = settings.model_copy(update={"gallery": f"{alias}many{seed}"})
        job = Job(zoo, own, tmp_path / "checkpoint")
        total = job.run(seed)
        assert gallery.points(own.gallery) == expected
        assert +total.outcomes == +one_counts(one)
        assert total.near_duplicates == one.near_duplicates
        letters = job.letters()
        assert len(letters) == 3
        assert {letter["origin"] for letter in letters} == {
            f"{zoo}/class1/none.jpg",
            f"{zoo}/class4/again.jpg",
            f"{zoo}/class3/03.jpg",
        }


def one_counts(report: Any) -> Any:
    return Counter(report.outcomes)


def test_a_partition_that_ends_every_worker_is_named(
    zoo: Path, settings: IngestSettings, gallery: Gallery, tmp_path: Path
) -> None:
    """Ray would begin it again without end; the eleventh worker does not touch it."""
    job = Job(zoo, settings, tmp_path / "checkpoint")
    worker = Worker(job.plan, a_board(begun=11), [Line(settings.encoder_target)])
    answer = worker({"number": [0], "section": [pickle.dumps(job.sections[0])]})
    worker.close()
    assert answer["problem"] == [
        f"10 workers in a row ended at the photos from {zoo}/class0/00.jpg to {zoo}/class0/30.jpg"
    ]
    assert not gallery.points(settings.gallery)


def test_what_moved_and_what_changed_end_as_in_one_process(
    zoo: Path, settings: IngestSettings, gallery: Gallery, tmp_path: Path
) -> None:
    """A moved photo keeps its embedding, a changed file's photo goes, one put elsewhere stays."""
    alias = settings.gallery
    one = settings.model_copy(update={"gallery": f"{alias}one"})
    many = settings.model_copy(update={"gallery": f"{alias}many"})
    by_process(zoo, one)
    Job(zoo, many, tmp_path / "a").run(1)
    (zoo / "class0/00.jpg").rename(zoo / "class3/moved.jpg")
    put(zoo, "class1/01.jpg", picture(100, (96, 64)))
    # Its old content lies elsewhere, in another partition.
    put(zoo, "class4/kept.jpg", picture(2, (96, 64)))
    put(zoo, "class2/02.jpg", picture(101, (96, 64)))
    by_process(zoo, one)
    Job(zoo, many, tmp_path / "b").run(2)
    assert gallery.points(many.gallery) == gallery.points(one.gallery)


def test_a_done_partition_is_not_begun_again(
    zoo: Path, settings: IngestSettings, tmp_path: Path
) -> None:
    """Its record stands for it; where what it lists has changed, it is done."""
    job = Job(zoo, settings, tmp_path / "checkpoint")
    first = job.do(range(len(job.sections)))
    again = job.do(range(len(job.sections)))
    assert again.outcomes == first.outcomes
    assert again.outcomes[Outcome.WRITTEN] >= PHOTOS
    put(zoo, "class0/00.jpg", picture(200, (96, 64)))
    os.utime(zoo / "class0/00.jpg", (1, 1))
    changed = Job(zoo, settings, tmp_path / "checkpoint")
    versions = [{section.version for section in each.sections} for each in (job, changed)]
    assert len(versions[0] & versions[1]) == len(job.sections) - 1
    assert changed.do(range(len(changed.sections))).outcomes != first.outcomes


def test_refusals_are_told_once(zoo: Path, settings: IngestSettings, tmp_path: Path) -> None:
    """A job that is closed twice has the dead letters of one that was closed once."""
    job = Job(zoo, settings, tmp_path / "checkpoint")
    total = job.run(3)
    letters = job.letters()
    job.run(4)
    assert job.letters() == letters
    assert total.reasons[Reason.NOT_AN_IMAGE] == 1


@pytest.mark.parametrize("ending", ["tar", "tar.gz", "parquet"])
def test_tar_files_and_tables_are_cut_as_they_are_listed(
    zoo: Path, settings: IngestSettings, gallery: Gallery, tmp_path: Path, ending: str
) -> None:
    """A tar file in place and a table by their photos, one that is copied as a whole."""
    source = tmp_path / f"photos.{ending}"
    if ending == "parquet":
        paths = sorted(str(path) for path in zoo.rglob("*.jpg"))
        parquet.write_table(pa.table({"path": paths, "n": list(range(len(paths)))}), source)
    else:
        with tarfile.open(source, f"w:{ending.removeprefix('tar').removeprefix('.')}") as tar:
            tar.add(zoo, ".")
    alias = settings.gallery
    by_process(source, settings.model_copy(update={"gallery": f"{alias}one"}))
    job = Job(source, settings, tmp_path / "checkpoint")
    assert (len(job.sections) == 1) == (ending == "tar.gz")
    job.run(5)
    assert gallery.points(alias) == gallery.points(f"{alias}one")
