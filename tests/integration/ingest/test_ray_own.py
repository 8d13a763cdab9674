"""`sketchzoo ingest --engine ray` with a cluster of its own, over buckets."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.integration.ingest.command import SECONDS
from tests.integration.ingest.gallery import Gallery
from tests.integration.ingest.stored import FILES
from tests.integration.storage.bucket_server import Buckets, bucket_server

pytest.importorskip("ray", reason="needs the extra ray")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

OPTIONS = (
    *("--engine", "ray", "--ray-workers", "2", "--ray-worker-cpus", "0.5"),
    *("--ray-partition-photos", "2", "--ray-checkpoint", "s3://zoo/records", "--json", "-"),
)


@pytest.fixture
def buckets() -> Iterator[Buckets]:
    """Make a bucket with photos, and a file that is none."""
    with bucket_server() as buckets:
        buckets.make("zoo")
        for path, content in {**FILES, "owl/none.jpg": b"no picture"}.items():
            buckets.put("zoo", f"photos/{path}", content)
        yield buckets


def ingested(environment: dict[str, str], folder: Path, *more: str) -> dict[str, Any]:
    """Run the command to its end; return its report."""
    own = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    done = subprocess.run(
        [sys.executable, "-m", "sketchzoo", "ingest", *OPTIONS, *more, "s3://zoo/photos"],
        env={**own, **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_buckets_are_ingested_by_a_cluster_of_the_runs_own(
    environment: dict[str, str], gallery: Gallery, buckets: Buckets, tmp_path: Path
) -> None:
    """Photos, records and letters lie there; what is deleted there is pruned; no process stays."""
    # Short: sockets lie below it.
    with tempfile.TemporaryDirectory(prefix="sz-") as folder:
        own = {**environment, **buckets.environment(), "TMPDIR": folder}
        _grown_and_pruned(own, gallery, buckets, tmp_path)
        left = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
        assert not [words for words in left if folder in " ".join(words)]


def _grown_and_pruned(
    own: dict[str, str], gallery: Gallery, buckets: Buckets, tmp_path: Path
) -> None:
    alias = own["SKETCHZOO_GALLERY"]
    report = ingested(own, tmp_path)
    assert report["photos"]["written"] == len(FILES)
    assert report["photos"]["refused"] == 1
    assert len(gallery.points(alias)) == len(FILES)
    assert gallery.published(alias)
    kept = buckets.client.list_objects_v2(Bucket="zoo", Prefix="records/")["Contents"]
    assert [each["Key"].rpartition("/")[2] for each in kept] == ["dead-letters.parquet"]

    buckets.client.delete_object(Bucket="zoo", Key="photos/owl/1.jpg")
    report = ingested(own, tmp_path, "--prune")
    assert report["pruned"] == 1
    assert report["photos"]["unchanged"] == len(FILES) - 1
    assert len(gallery.points(alias)) == len(FILES) - 1
