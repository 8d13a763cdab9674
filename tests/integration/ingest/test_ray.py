"""`sketchzoo ingest --engine ray` on a real cluster of several processes, which are killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from pyarrow import parquet

from sketchzoo.model import ModelArtefact
from tests.artefacts import picture
from tests.contract.embedded_qdrant.server_process import ServerProcess
from tests.integration.ingest.command import SECONDS, Command
from tests.integration.ingest.gallery import Gallery

pytest.importorskip("ray", reason="needs the extra ray")

from sketchzoo_ingest.ray.own import OwnCluster

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PHOTOS = 160
OPTIONS = (
    *("--engine", "ray", "--ray-workers", "2", "--ray-worker-cpus", "0.5"),
    *("--ray-partition-photos", "16", "--json", "-"),
)
# Small steps, so that a run has many different moments to be killed at.
STEPS = {
    "SKETCHZOO_INGEST_CHUNK_PHOTOS": "4",
    "SKETCHZOO_INGEST_BATCH_SIZE": "2",
    "SKETCHZOO_INGEST_WRITE_BATCH": "4",
    "SKETCHZOO_INGEST_CALLS_IN_FLIGHT": "1",
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """Run a cluster; or take the one that RAY_ADDRESS names, and leave it."""
    if address := os.environ.get("RAY_ADDRESS"):
        yield address
        return
    with pytest.MonkeyPatch.context() as patch:
        for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN"):
            patch.delenv(name, raising=False)  # what the cluster sets is unset after it
        with OwnCluster(128 * 2**20, cpus=2) as own:
            yield own.address()


@pytest.fixture
def zoo(folder: Path) -> Path:
    for i in range(PHOTOS):
        path = folder / f"class{i % 5}" / f"{i:03}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(picture(i, (48, 32)))
    # The same photo in two classes: the first must stand, whichever worker was first.
    (folder / "class4" / "again.jpg").write_bytes(picture(0, (48, 32)))
    (folder / "class0" / "none.jpg").write_bytes(b"no picture")
    return folder


class Run:
    """A run on a cluster, as operators start it."""

    def __init__(
        self, folder: Path, environment: dict[str, str], address: str, *more: object
    ) -> None:
        self._out, self._err = folder / "ray.out", folder / "ray.err"
        options = [*OPTIONS, "--ray-address", address, "--ray-checkpoint", folder / "checkpoint"]
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "sketchzoo", "ingest", *map(str, (*options, *more))],
                env={**os.environ, **STEPS, **environment},
                stdout=out,
                stderr=err,
                cwd=folder,
            )

    def wait(self) -> int:
        try:
            return self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(self.err) from None

    @property
    def err(self) -> str:
        return self._err.read_text("utf-8")

    def report(self, status: int = 0) -> dict[str, Any]:
        assert self.wait() == status, self.err
        document: dict[str, Any] = json.loads(self._out.read_text("utf-8"))
        return document


def workers() -> list[psutil.Process]:
    """Return the cluster's processes that have a partition."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if (process.info["cmdline"] or [""])[0].startswith("ray::MapWorker")
    ]


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_killed_workers_and_jobs_end_like_a_clean_run(
    environment: dict[str, str], cluster: str, zoo: Path, gallery: Gallery
) -> None:
    """A worker is killed, then the job, which is run again: the one process's gallery.

    No photo is there twice, each refusal is told once, and search sees nothing before the end.
    """
    alias = environment["SKETCHZOO_GALLERY"]
    one = {**environment, **STEPS, "SKETCHZOO_GALLERY": f"{alias}one"}
    assert Command(zoo.parent, one, zoo).wait() == 0
    expected = gallery.points(f"{alias}one")
    assert len(expected) == PHOTOS

    killed = Run(zoo.parent, environment, cluster, zoo)
    until(lambda: len(gallery.points(alias)) > 8)
    first = workers()
    assert first
    first[0].kill()
    before = len(gallery.points(alias))
    until(lambda: len(gallery.points(alias)) > before + 16)
    killed.process.send_signal(signal.SIGKILL)
    killed.process.wait()
    met = gallery.points(alias)
    assert len(met) < PHOTOS, "the job was done before it was killed"
    assert not gallery.published(alias)

    report = Run(zoo.parent, environment, cluster, zoo).report()
    assert gallery.points(alias) == expected
    assert gallery.published(alias)
    assert report["photos"]["refused"] == report["photos"]["duplicate"] == 1
    assert report["photos"]["total"] == PHOTOS + 2
    [letters] = (zoo.parent / "checkpoint").glob("*/dead-letters.parquet")
    told = [letter["origin"] for letter in parquet.read_table(letters).to_pylist()]
    assert sorted(told) == [f"{zoo}/class0/none.jpg", f"{zoo}/class4/again.jpg"]
    assert not list(letters.parent.glob("*.record.parquet"))


def test_a_signal_stops_the_job_well(
    environment: dict[str, str], cluster: str, zoo: Path, gallery: Gallery
) -> None:
    """SIGTERM ends it with status 130; nothing is published, and a rerun goes on."""
    alias = environment["SKETCHZOO_GALLERY"]
    run = Run(zoo.parent, environment, cluster, zoo)
    until(lambda: len(gallery.points(alias)) > 8)
    run.process.send_signal(signal.SIGTERM)
    report = run.report(130)
    assert "run it again" in report["problem"]
    assert not gallery.published(alias)
    assert "Traceback" not in run.err
    assert Run(zoo.parent, environment, cluster, zoo).report()["published"]
    assert len(gallery.points(alias)) == PHOTOS


def test_qdrant_away_for_a_while_costs_nothing(
    environment: dict[str, str], cluster: str, zoo: Path, tmp_path: Path
) -> None:
    """Killed and started again on its port, Qdrant has the same photos at the end."""
    with ServerProcess(tmp_path / "own") as server:
        url = f"http://127.0.0.1:{server.port}"
        gallery = Gallery(url)
        own = {**environment, "SKETCHZOO_QDRANT_URL": url, "SKETCHZOO_QDRANT_TIMEOUT_SECONDS": "5"}
        run = Run(zoo.parent, own, cluster, zoo, "--retry-seconds", "300")
        until(lambda: len(gallery.points(own["SKETCHZOO_GALLERY"])) > 8)
        gallery.close()
        server.kill()
        time.sleep(60)  # it is away for as long
        with ServerProcess(tmp_path / "own", port=server.port):
            report = run.report()
            again = Gallery(url)
            assert len(again.points(own["SKETCHZOO_GALLERY"])) == PHOTOS
            again.close()
    assert report["photos"]["written"] + report["photos"]["unchanged"] == PHOTOS


def test_the_job_starts_encoders_of_its_own(
    environment: dict[str, str],
    cluster: str,
    zoo: Path,
    gallery: Gallery,
    model: ModelArtefact,
) -> None:
    """An encoder on the cluster embeds as a service does, and ends with the job."""
    own = {
        **environment,
        "SKETCHZOO_ENCODER_TARGET": "127.0.0.1:1",
        "SKETCHZOO_ENCODER_MODEL": str(model.folder),
    }
    more = ("--ray-encoders", "1", "--ray-encoder-cpus", "0.5")
    assert Run(zoo.parent, own, cluster, zoo, *more).report()["photos"]["written"] == PHOTOS
    assert len(gallery.points(environment["SKETCHZOO_GALLERY"])) == PHOTOS


def test_no_cluster_is_one_line(environment: dict[str, str], zoo: Path, tmp_path: Path) -> None:
    """An address where no cluster answers is wrong usage, and nothing was done."""
    run = Run(
        tmp_path, {**environment, "RAY_gcs_rpc_server_connect_timeout_s": "1"}, "127.0.0.1:9", zoo
    )
    assert run.wait() == 2
    assert "no Ray cluster answers at 127.0.0.1:9" in run.err.splitlines()[-1]
    assert "Traceback" not in run.err
