"""Graphs that are optimised once, and weights that all sessions map."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from encoder_service.runtimes.base import examples
from encoder_service.runtimes.graphs import alone_in, graphs_folder, prepare
from encoder_service.runtimes.onnx import OnnxRuntime
from sketchzoo.images import Modality, normalised
from sketchzoo.model import ModelArtefact
from sketchzoo.onnx import open_session
from tests.artefacts import tiny_model

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

_HOLD = """
import sys
from encoder_service.runtimes.graphs import graphs_folder
with graphs_folder() as folder:
    print(folder, flush=True)
    sys.stdin.read()
"""
_END_INSIDE = """
import os, signal, sys
from pathlib import Path
from encoder_service.runtimes.graphs import alone_in
with alone_in(Path(sys.argv[1])):
    os.kill(os.getpid(), signal.SIGKILL)
"""
_WITHOUT_DISK = """
import resource, signal, sys
from encoder_service.runtimes.base import warm
from encoder_service.runtimes.onnx import OnnxRuntime
from sketchzoo.model import ModelArtefact
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
artefact = ModelArtefact.load("zoo-1")
warm(OnnxRuntime(artefact), artefact)
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's folders of graphs lie, and nobody else's."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return tmp_path


@contextmanager
def _holder() -> Iterator[tuple["subprocess.Popen[str]", Path]]:
    """Run a process that holds a folder of graphs."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        if process.stdout is None:
            raise RuntimeError("stdout must be a pipe")
        try:
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


@linux
def test_weights_are_mapped_and_nothing_of_them_is_copied(temporary: Path) -> None:
    """Every session's weights are pages of one file, none of which is the process's own."""
    artefact = ModelArtefact.load("zoo-1")
    runtime = OnnxRuntime(artefact, threads_alone=2)
    for alone in (True, False):
        for modality, square in examples(artefact).items():
            runtime.embed(modality, [square], alone=alone)
    maps = Path("/proc/self/smaps").read_text()
    sizes = {"Size": 0, "Private_Dirty": 0}
    for part in re.split(r"\n(?=[0-9a-f]+-[0-9a-f]+ )", maps):
        if f"{temporary}/" in part and ".weights" in part:
            for field in sizes:
                found = re.search(rf"^{field}: +(\d+) kB", part, re.MULTILINE)
                sizes[field] += int(found[1]) if found else 0
    in_files = sum(artefact.safetensors(modality).stat().st_size for modality in Modality)
    assert sizes["Size"] * 1024 > 2 * 0.95 * in_files  # one thread's sessions, and two threads'
    assert sizes["Private_Dirty"] == 0


def test_mapped_weights_embed_as_the_models_own_do() -> None:
    """Optimising beforehand changes nothing of what comes out."""
    artefact = ModelArtefact.load("zoo-1")
    runtime = OnnxRuntime(artefact, threads_alone=2)
    for modality, square in examples(artefact).items():
        batch = normalised(square, artefact.towers[modality].preprocessing)[None]
        (there,) = open_session(artefact.onnx(modality)).run(["embedding"], {"images": batch})
        for alone in (True, False):
            here = runtime.embed(modality, [square], alone=alone)
            np.testing.assert_allclose(here, there, atol=1e-6)


def test_a_folder_of_its_own_is_gone_when_the_runtime_is_open(
    tmp_path: Path, temporary: Path
) -> None:
    """What is mapped needs no name any more; a kill leaves nothing."""
    OnnxRuntime(tiny_model(tmp_path / "model"), threads_alone=2)
    assert [path.name for path in temporary.iterdir()] == ["model"]


def test_processes_of_a_group_prepare_once(tmp_path: Path, temporary: Path) -> None:
    """Who comes later opens what is there, and takes the threads that were measured."""
    artefact = tiny_model(tmp_path / "model")
    with graphs_folder() as folder:
        assert folder is not None
        OnnxRuntime(artefact, threads_alone=0, graphs=folder)
        before = {path.name: path.stat().st_ino for path in folder.iterdir()}
        assert {"photo.onnx", "sketch.onnx", "threads_alone"} <= before.keys()
        (folder / "threads_alone").write_text("3")
        assert OnnxRuntime(artefact, threads_alone=0, graphs=folder).threads_alone == 3
        assert {path.name: path.stat().st_ino for path in folder.iterdir()} == before
    assert not folder.exists()


def test_what_a_killed_process_began_is_made_anew(tmp_path: Path, temporary: Path) -> None:
    """Half a file of weights is never mapped: the graph appears last, in one step."""
    artefact = tiny_model(tmp_path / "model", shared=True)
    with graphs_folder() as folder:
        assert folder is not None
        (folder / "model.weights").write_bytes(b"half")
        (folder / "model.part").write_bytes(b"half")
        image = [examples(artefact)[Modality.PHOTO]]
        np.testing.assert_allclose(
            OnnxRuntime(artefact, graphs=folder).embed(Modality.PHOTO, image),
            OnnxRuntime(artefact).embed(Modality.PHOTO, image),
        )


def test_a_killed_process_lets_the_next_one_in(temporary: Path) -> None:
    """A lock goes with its holder, whatever ended it."""
    with graphs_folder() as folder:
        assert folder is not None
        killed = subprocess.run([sys.executable, "-c", _END_INSIDE, str(folder)], check=False)
        assert killed.returncode == -signal.SIGKILL
        with alone_in(folder):
            pass


def test_the_folder_of_a_killed_process_goes_when_the_next_one_starts(temporary: Path) -> None:
    """Weights don't pile up where encoders are killed; one that runs keeps its own."""
    with _holder() as (killed, left), _holder() as (_, in_use):
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert left.exists()
        with graphs_folder() as folder:
            assert {path for path in temporary.iterdir() if path.is_dir()} == {in_use, folder}


def test_a_graph_that_cannot_be_written_is_named(tmp_path: Path, temporary: Path) -> None:
    """Others are mapped; this one is opened as it lies in the model's folder."""
    artefact = tiny_model(tmp_path / "model")
    with graphs_folder() as folder, capture_logs() as logs:
        assert folder is not None
        artefact.safetensors(Modality.PHOTO).rename(tmp_path / "gone")
        with alone_in(folder):
            made = prepare([artefact.onnx(modality) for modality in Modality], folder)
        assert made.keys() == {artefact.onnx(Modality.SKETCH)}
    (entry,) = logs
    assert entry["event"] == "graph is not mapped"
    assert "photo.onnx" in entry["error"]


@linux
def test_an_encoder_without_room_on_its_disk_keeps_the_weights_in_memory() -> None:
    """The optimised graphs are for sparing memory: without them it runs as well."""
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_DISK],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("graph is not mapped") == 2


def test_a_group_whose_folder_was_removed_goes_on(tmp_path: Path, temporary: Path) -> None:
    """A process that is started anew finds no folder, and keeps the weights in its memory."""
    artefact = tiny_model(tmp_path / "model")
    with capture_logs() as logs:
        OnnxRuntime(artefact, graphs=tmp_path / "nowhere")
    assert [entry["event"] for entry in logs] == ["graphs are not mapped"]
