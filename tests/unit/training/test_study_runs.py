"""Whole small studies: trained, exported, measured, drawn, interrupted and gone on with."""

import json
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner
from typer.testing import Result as Ended

from sketchzoo_training.commands import evaluate, study
from sketchzoo_training.engine.report import StepReport
from sketchzoo_training.errors import ConfigError, DataError
from sketchzoo_training.study.command import StudyOrder
from sketchzoo_training.study.experiments import chosen_experiments
from sketchzoo_training.study.results import Result, Results
from sketchzoo_training.study.study import Study
from tests.artefacts import COMMAND, tiny_model

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
COLOURS = {"Bär": (220, 40, 40), "Flöße": (40, 220, 40), "eel": (40, 40, 220)}
SMALL = """
[data]
size = 32
[network]
backbone = "efficientnet_lite0"
weights = "none"
dimension = 2
[loss]
name = "triplet"
[sampling]
batch = 2
[budget]
steps = 2
validate_every = 1
checkpoint_every = 1
[device]
device = "cpu"
threads = 1
"""


def write_zoo(root: Path, seed: int) -> Path:
    """Three classes of noisy colours: in each split two photos a class, a sketch of each."""
    rng = np.random.default_rng(seed)
    rows = ["path,split"]
    for name, colour in COLOURS.items():
        for number, split in enumerate(("train", "train", "val", "val", "test", "test")):
            for modality, stem in (("photo", f"p_{number}"), ("sketch", f"p_{number}-1")):
                path = root / modality / name / f"{stem}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                pixels = np.clip(np.array(colour) + rng.integers(-30, 30, (24, 24, 3)), 0, 255)
                Image.fromarray(pixels.astype(np.uint8)).save(path)
                rows.append(f"{path.relative_to(root).as_posix()},{split}")
    (root / "splits.csv").write_text("\n".join(rows) + "\n")
    return root


class Bench:
    """A folder with a data set, files of experiments and a study."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.zoo = write_zoo(folder / "zoo", 0)
        self.out = folder / "study"
        (folder / "eben.toml").write_text(SMALL)
        # Its weights are no numbers after the first step.
        wild = SMALL.replace("[sampling]", "[optimiser]\nlearning_rate = 1e30\n[sampling]")
        (folder / "wild.toml").write_text(wild)
        (folder / "long.toml").write_text(SMALL.replace("steps = 2", "steps = 40"))

    def arguments(self, *names: str, data: Path | None = None) -> list[str]:
        files = [str(self.folder / f"{name}.toml") for name in names]
        configs = [argument for file in files for argument in ("--config", file)]
        return ["--data", str(data or self.zoo), "--out", str(self.out), *configs]

    def run(self, *arguments: str) -> Ended:
        return CliRunner().invoke(study, arguments)

    def row(self, name: str) -> Result:
        return next(row for row in Results(self.out).read() if row.name == name)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="module")
def first(bench: Bench) -> Ended:
    """Run a study of a run that diverges, one that doesn't, and a finished model."""
    model = tiny_model(bench.folder / "tiny").folder
    return bench.run(*bench.arguments("wild", "eben"), "--model", str(model))


def test_a_run_that_diverges_is_a_row_and_the_study_goes_on(bench: Bench, first: Ended) -> None:
    """The row says what happened, everything else has figures, and the status is 1."""
    assert first.exit_code == 1, first.output
    assert "diverged" in bench.row("wild").failure
    assert bench.row("wild").measured is None
    assert bench.row("eben").steps == 2
    tiny = bench.row("tiny")
    assert (tiny.loss, tiny.classes) == ("towers", bench.row("eben").classes)
    assert "wild: the loss of step" in first.stderr
    assert "to ship: " in first.stderr
    assert "of 2 models of 3 classes" in first.stderr


def test_a_rows_figures_are_those_of_evaluate_on_its_model(bench: Bench, first: Ended) -> None:
    """The model that the table names, measured by the other command, gives the same by cosine."""
    del first
    row = bench.row("eben")
    assert row.measured is not None
    assert row.measured.euclidean is not None
    assert row.model in (bench.out / "table.md").read_text()
    folders = ["--gallery", str(bench.zoo), "--queries", str(bench.zoo), "--split", "test"]
    arguments = ["--model", str(bench.out / row.model), *folders, "--json", "-"]
    found = json.loads(CliRunner().invoke(evaluate, arguments).stdout)
    assert round(found["p@12"], 4) == row.measured.p_at_12.value
    assert round(found["intervals"]["p@12"][0], 4) == row.measured.p_at_12.low
    assert round(found["map"], 4) == row.measured.m_ap
    assert (bench.out / "scatter-eben.png").exists()


def test_what_is_done_is_not_run_again(bench: Bench, first: Ended) -> None:
    """A second time nothing is trained or exported, the figures stay, and so does the status."""
    del first
    rows = Results(bench.out).read()
    times = {path: path.stat().st_mtime_ns for path in (bench.out / "runs").rglob("*")}
    assert bench.run(*bench.arguments("wild", "eben")).exit_code == 1
    assert Results(bench.out).read() == rows
    assert {path: path.stat().st_mtime_ns for path in (bench.out / "runs").rglob("*")} == times


def test_rows_of_other_data_are_kept_apart(bench: Bench, first: Ended) -> None:
    """A folder that gets other data keeps both, and shows and compares one, saying so."""
    del first
    other = write_zoo(bench.folder / "other", 1)
    model = str(tiny_model(bench.folder / "two", name="two", seed=1).folder)
    ended = bench.run(*bench.arguments(data=other), "--model", model)
    assert ended.exit_code == 0, ended.output
    assert "left out: 3 rows of" in ended.stderr
    assert "to ship: two" in ended.stderr
    assert "of 1 models" in ended.stderr
    assert "eben" not in (bench.out / "table.md").read_text()
    assert not (bench.out / "scatter-eben.png").exists()
    assert len(Results(bench.out).read()) == 4
    # Back with the first data, their rows and charts are there again.
    ended = bench.run(*bench.arguments("eben"))
    assert "left out: 1 rows of" in ended.stderr
    assert (bench.out / "scatter-eben.png").exists()


def test_a_study_that_was_killed_goes_on(bench: Bench, first: Ended) -> None:
    """Killed within a run, and then interrupted, it goes on from its checkpoint each time."""
    del first
    arguments = bench.arguments("long")
    with subprocess.Popen([*COMMAND, "study", *arguments], stderr=subprocess.DEVNULL) as process:
        while not list(bench.out.glob("runs/long-*/checkpoint.pt")):
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert "long" not in [row.name for row in Results(bench.out).read()]
    steps: list[int] = []
    experiments = chosen_experiments([], [bench.folder / "long.toml"])

    def listen(report: StepReport) -> None:
        steps.append(report.step)
        raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            Study(bench.out, bench.zoo, experiments).train(experiments[0], listen)
    assert 1 < steps[0] <= steps[1] < 40
    assert {row.name for row in Results(bench.out).read()} >= {"eben", "wild", "tiny"}


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MemoryError(), "eben: out of memory"),
        (ConfigError("network.weights: no way to get them"), "eben: network.weights: no way"),
    ],
)
def test_what_cannot_run_here_is_one_line(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception, told: str
) -> None:
    """A run without memory or weights is said, and no row: it may be tried again."""

    def train(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("sketchzoo_training.study.study.train", train)
    where = ["--data", str(bench.zoo), "--out", str(tmp_path)]
    ended = bench.run(*where, "--config", str(bench.folder / "eben.toml"))
    assert ended.exit_code == 1
    assert told in ended.stderr
    assert Results(tmp_path).read() == ()


def test_an_experiment_that_does_not_fit_the_data_stops_before_any_runs(
    bench: Bench, tmp_path: Path
) -> None:
    """Missing classes and differing splits are told before the first is trained."""
    experiments = chosen_experiments(["lite0/mini-triplet-e2"], [bench.folder / "eben.toml"])
    with pytest.raises(DataError, match=r"lite0/mini-triplet-e2: .* lacks .* bear.*data\.classes"):
        Study(tmp_path, bench.zoo, experiments)
    (tmp_path / "seed.toml").write_text(SMALL.replace("[data]", "[data]\nsplit_seed = 1"))
    experiments = chosen_experiments([], [bench.folder / "eben.toml", tmp_path / "seed.toml"])
    with pytest.raises(ConfigError, match=r"data\.split_seed is 0 and 1"):
        Study(tmp_path, bench.zoo, experiments)


def test_an_order_for_nothing_is_refused(tmp_path: Path) -> None:
    """A study needs a preset, a file or a model."""
    with pytest.raises(ConfigError, match="at least one"):
        StudyOrder(tmp_path, tmp_path)
