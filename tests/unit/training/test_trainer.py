"""Training runs: what they leave behind, how they go on, when they stop."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate.state import AcceleratorState
from typer.testing import CliRunner

from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact
from sketchzoo_training.commands import train as app
from sketchzoo_training.data import DataError, list_images
from sketchzoo_training.engine.curves import Rows
from sketchzoo_training.engine.report import StepReport
from sketchzoo_training.errors import ConfigError
from sketchzoo_training.evaluate.evaluation import evaluate
from sketchzoo_training.recipes.siamese.config import TrainingConfig, parse_config
from sketchzoo_training.recipes.siamese.trainer import train

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def config(**tables: dict[str, Any]) -> TrainingConfig:
    values: dict[str, Any] = {
        "data": {"size": 32},
        "network": {
            "backbone": "efficientnet_lite0",
            "weights": "none",
            "dimension": 2,
            "frozen": 3,
        },
        "loss": {"name": "contrastive"},
        "sampling": {"batch": 4},
        "budget": {"steps": 4, "validate_every": 2, "checkpoint_every": 2},
        "augmentation": {"photo_crop": 0.2, "sketch_rotate_degrees": 5},
        "device": {"device": "cpu", "threads": 1},
    }
    for name, table in tables.items():
        values[name] = {**values.get(name, {}), **table}
    return parse_config(values, "test")


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


@pytest.fixture
def zoo(colour_zoo: Path) -> Path:
    """Split the colour zoo anew, so that val has photos and sketches."""
    rows = [("path", "split")]
    for modality in ("photo", "sketch"):
        for folder in sorted((colour_zoo / modality).iterdir()):
            for index, path in enumerate(sorted(folder.iterdir())):
                split = "val" if index == 1 else "train"
                rows.append((path.relative_to(colour_zoo).as_posix(), split))
    (colour_zoo / "splits.csv").write_text("\n".join(map(",".join, rows)))
    return colour_zoo


def test_a_run_leaves_its_record(zoo: Path, tmp_path: Path) -> None:
    """Losses, validations, curves, weights and what made them are in the run's folder."""
    seen: list[StepReport] = []
    result = train(config(), zoo, tmp_path / "run", listen=seen.append)
    assert result["steps"] == 4
    record = json.loads((tmp_path / "run/run.json").read_text())
    assert record["settings"]["network"]["backbone"] == "efficientnet_lite0"
    assert record["data"]["classes"] == ["cat", "dog", "eel"]
    assert record["data"]["images"]["train_photo"] == 9
    assert len(record["data"]["fingerprint"]) == 16
    assert record["libraries"]["torch"] == torch.__version__.split("+")[0]
    losses = rows_of(tmp_path / "run/losses.csv")
    assert [int(row["step"]) for row in losses] == [1, 2, 3, 4]
    validations = rows_of(tmp_path / "run/validation.csv")
    assert [int(row["step"]) for row in validations] == [2, 4]
    assert max(float(row["p@12"]) for row in validations) == result["best_score"]
    assert [(report.step, report.loss is None) for report in seen] == [
        (2, False),
        (2, True),
        (4, False),
        (4, True),
    ]
    assert list((tmp_path / "run/tensorboard").iterdir())
    assert not list((tmp_path / "run").glob("*.part"))


def test_a_finished_run_is_not_run_again(zoo: Path, tmp_path: Path) -> None:
    """Training into a finished run's folder answers its result; another's is refused."""
    first = train(config(), zoo, tmp_path / "run")
    assert train(config(), zoo, tmp_path / "run") == first
    with pytest.raises(ConfigError, match=r"another configuration.*\(loss.margin was .*, is 1.0\)"):
        train(config(loss={"margin": 1.0}), zoo, tmp_path / "run")
    (zoo / "photo/cat/n00000003_3.png").unlink()
    with pytest.raises(ConfigError, match=r"other data.*images\.train_photo was 9, is 8"):
        train(config(), zoo, tmp_path / "run")


def test_a_checkpoint_cut_short_is_named(zoo: Path, tmp_path: Path) -> None:
    """One line that says which file to delete, not what a reader of archives says of it."""
    train(config(budget={"steps": 2}), zoo, tmp_path / "run")
    checkpoint = tmp_path / "run/checkpoint.pt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    with pytest.raises(ConfigError, match=r"checkpoint\.pt is damaged or cut short: delete it"):
        train(config(budget={"steps": 2}), zoo, tmp_path / "run")


def test_a_diverged_run_is_stopped(zoo: Path, tmp_path: Path) -> None:
    """The first loss that is no number ends the command with status 1; nothing is exported."""
    (tmp_path / "wild.toml").write_text(
        "[data]\nsize = 32\n"
        '[network]\nbackbone = "efficientnet_lite0"\nweights = "none"\ndimension = 2\n'
        '[loss]\nname = "contrastive"\n'
        "[sampling]\nbatch = 4\n"
        "[budget]\nsteps = 8\nvalidate_every = 8\ncheckpoint_every = 8\n"
        "[optimiser]\nlearning_rate = 1e30\n"
        '[device]\ndevice = "cpu"\nthreads = 1\n'
    )
    done = CliRunner().invoke(
        app,
        ["--config", str(tmp_path / "wild.toml"), "--data", str(zoo), "--run", f"{tmp_path}/run"],
    )
    assert done.exit_code == 1, done.output
    assert "diverged" in done.output.splitlines()[-1]
    assert not (tmp_path / "run/model").exists()
    assert not (tmp_path / "run/checkpoint.pt").exists()


@pytest.mark.parametrize("loss", ["triplet", "proxy-anchor"])
def test_losses_with_and_without_weights_train(zoo: Path, tmp_path: Path, loss: str) -> None:
    """Triplets and proxies go through the same trainer; the modern head and AMP too."""
    tables: dict[str, dict[str, Any]] = {
        "loss": {"name": loss},
        "network": {"head": "modern", "dimension": 16},
        "device": {"precision": "bf16"},
        "optimiser": {"name": "adamw", "schedule": "cosine", "warmup_steps": 1},
        "budget": {"steps": 2},
    }
    AcceleratorState._reset_state(reset_partial_state=True)
    try:
        assert train(config(**tables), zoo, tmp_path / "run")["steps"] == 2
    finally:
        AcceleratorState._reset_state(reset_partial_state=True)


def test_a_run_without_progress_stops_early(zoo: Path, tmp_path: Path) -> None:
    """After `patience` validations without a better P@12 the run ends, complete."""
    still = config(
        optimiser={"learning_rate": 1e-12},
        budget={"steps": 50, "validate_every": 1, "patience": 2, "checkpoint_every": 50},
    )
    result = train(still, zoo, tmp_path / "run")
    assert 3 <= result["steps"] < 20
    assert result["best_step"] == result["steps"] - 2
    assert (tmp_path / "run/result.json").exists()
    assert train(still, zoo, tmp_path / "run") == result
    (tmp_path / "run/result.json").unlink()  # as if killed just before it was written
    assert train(still, zoo, tmp_path / "run") == result


def test_loader_processes_change_nothing(zoo: Path, tmp_path: Path) -> None:
    """Batches prepared by another process give the same losses."""
    train(config(), zoo, tmp_path / "alone")
    train(config(data={"workers": 1}), zoo, tmp_path / "ahead")
    one, two = ((tmp_path / run / "losses.csv").read_text() for run in ("alone", "ahead"))
    assert one == two


def test_damaged_images_are_counted(zoo: Path, tmp_path: Path) -> None:
    """Files that do not decode are left out of training and named in the record."""
    (zoo / "photo/cat/n00000002_2.png").write_bytes(b"no image")
    sketch = next((zoo / "sketch/cat").iterdir())
    sketch.write_bytes(sketch.read_bytes()[:-60])
    train(config(), zoo, tmp_path / "run")
    left_out = json.loads((tmp_path / "run/run.json").read_text())["data"]["left_out"]
    assert left_out["photos"]["not_an_image"]["classes"] == {"cat": 1}
    assert left_out["sketches"]["damaged"]["first"] == [str(sketch)]


def test_a_missing_class_is_named(zoo: Path, tmp_path: Path) -> None:
    """A class that the data set lacks is refused by its name."""
    with pytest.raises(DataError, match="lacks photos or sketches of owl"):
        train(config(data={"classes": ["cat", "owl"]}), zoo, tmp_path / "run")


def test_the_command_trains_and_exports(zoo: Path, tmp_path: Path) -> None:
    """`sketchzoo train` takes a preset with changes and leaves a model that can be measured."""
    changes = {
        "data.size": "32",
        "data.classes": "[]",
        "network.weights": "none",
        "budget.steps": "2",
        "budget.validate_every": "1",
    }
    arguments = ["--preset", "lite0/mini-contrastive-e2", "--data", str(zoo)]
    for name, value in changes.items():
        arguments += ["--set", f"{name}={value}"]
    result = CliRunner().invoke(app, [*arguments, "--run", str(tmp_path / "run")])
    assert result.exit_code == 0, result.stderr
    artefact = ModelArtefact.load(tmp_path / "run/model")
    assert artefact.dimension == 2
    assert artefact.classes == ("cat", "dog", "eel")
    assert artefact.notes["trained_distance"] == "euclidean"
    found = evaluate(artefact, list_images(zoo, Modality.PHOTO), list_images(zoo, Modality.SKETCH))
    assert found.report()["queries"] == 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--preset", "none"], "there is no preset 'none'"),
        (["--preset", "lite0/mini-contrastive-e2", "--set", "budget.steps=no"], "budget.steps"),
        (["--preset", "lite0/mini-contrastive-e2", "--set", "steps"], "TABLE.FIELD=VALUE"),
        ([], "give --preset or --config"),
    ],
)
def test_mistakes_end_with_status_2(zoo: Path, arguments: list[str], message: str) -> None:
    """What cannot be trained is said in a line."""
    result = CliRunner().invoke(app, ["--data", str(zoo), *arguments])
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())


def test_rows_forget_what_comes_again(tmp_path: Path) -> None:
    """Reopened at a step, rows from it on and a half-written one are dropped."""
    path = tmp_path / "rows.csv"
    rows = Rows(path, ("step", "loss"), upto=0)
    for step in range(4):
        rows.add(step, 1 / 3)
    rows.close()
    with path.open("a") as file:
        file.write("4,0.3")
    Rows(path, ("step", "loss"), upto=1).close()
    third = "0.3333333333333333"
    assert rows_of(path) == [{"step": "0", "loss": third}, {"step": "1", "loss": third}]
