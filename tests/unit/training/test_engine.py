"""The engine: processes that take the steps of one, what a run keeps, tells and refuses."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from sketchzoo.model_error import ModelError
from sketchzoo_training.engine.memory import told_of_lack
from sketchzoo_training.engine.processes import Share
from sketchzoo_training.errors import ConfigError
from sketchzoo_training.recipes.settings import apply_change, read_toml
from sketchzoo_training.recipes.siamese.config import parse_config
from sketchzoo_training.recipes.siamese.trainer import load_best, train
from tests.unit.training.test_trainer import config, zoo
from tests.unit.training.tiny_towers import tiny

__all__ = ["zoo"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

EXAMPLES = Path(__file__).parents[3] / "examples/python"
# Of so few small images networks are so steep that float32's rounding grows to a per cent in
# two steps; in float64 processes that compute the same thing agree to the sixth digit and further.
SIAMESE = """
import json, sys
from pathlib import Path
from sketchzoo_training.engine.recipe import Validation
from sketchzoo_training.recipes.siamese.recipe import SiameseRecipe
from sketchzoo_training.recipes.siamese.config import parse_config
from sketchzoo_training.recipes.siamese.trainer import train
build = SiameseRecipe.network
SiameseRecipe.network = lambda self: build(self).double()
SiameseRecipe.outputs = lambda _, network, batch: network(
    batch.sketches.double(), batch.photos.double()
)
criterion = SiameseRecipe.criterion
SiameseRecipe.validate = lambda *_: Validation({})
SiameseRecipe.criterion = lambda self: criterion(self).double()
if __name__ == "__main__":
    values, data, run = sys.argv[1:]
    train(parse_config(json.loads(values), "test"), Path(data), Path(run))
"""
TOWERS = """
import copy, json, sys
from pathlib import Path
from sketchzoo_training.engine.recipe import Validation
from sketchzoo_training.models.frozen import FrozenLayers
from sketchzoo_training.models.sketch_net import SketchNet
from sketchzoo_training.recipes.settings import checked
from sketchzoo_training.recipes.towers import run
from sketchzoo_training.recipes.towers.config import TowersConfig
from sketchzoo_training.recipes.towers.recipe import TowersRecipe
build, forward = TowersRecipe.network, SketchNet.forward
def network(self):
    net = build(self)
    self._frozen = FrozenLayers(copy.deepcopy(net.still()))  # in float32, as ONNX has them
    self._targets = self._targets.double()
    return net.double()
TowersRecipe.network = network
SketchNet.forward = lambda self, maps: forward(self, maps.double())
TowersRecipe.validate = lambda *_: Validation({})
if __name__ == "__main__":
    run.assemble = run.measure = run.write_card = lambda *_: None
    values, data, folder = sys.argv[1:]
    run.train_towers(checked(TowersConfig, json.loads(values), "test"), Path(data), Path(folder))
"""


def losses(run: Path) -> list[float]:
    return column(run / "losses.csv", "loss")


def column(path: Path, name: str) -> list[float]:
    return [float(row[name]) for row in csv.DictReader(path.read_text().splitlines())]


def by_processes(code: str, values: dict[str, Any], data: Path, folder: Path) -> list[list[float]]:
    """Train by one process and by two, each at once; returns the losses of both."""
    script = folder / "train.py"  # a file, so that the process started by it changes the same
    script.write_text(code)
    running = []
    for count in (1, 2):
        device = {**values["device"], "processes": count}
        text = json.dumps({**values, "device": device})
        command = [sys.executable, str(script), text, str(data), str(folder / str(count))]
        running.append(subprocess.Popen(command))
    assert [process.wait(timeout=250) for process in running] == [0, 0]
    return [losses(folder / str(count)) for count in (1, 2)]


@pytest.mark.parametrize("loss", ["contrastive", "triplet", "supcon", "proxy-anchor"])
def test_two_processes_take_the_steps_of_one(zoo: Path, tmp_path: Path, loss: str) -> None:
    """Batch-norms and losses see the whole batch, whoever computes which part of it."""
    values = config(
        network={"head": "modern", "dimension": 8, "frozen": 1},
        loss={"name": loss},
        sampling={"batch": 5, "classes": 3, "sketches": 1, "photos": 2},
        budget={"steps": 5},
    ).model_dump(mode="json")
    one, two = by_processes(SIAMESE, values, zoo, tmp_path)
    assert two == pytest.approx(one, rel=1e-6)
    assert len(set(one)) == 5


def test_two_processes_teach_the_towers_as_one_does(data: Path, tmp_path: Path) -> None:
    """Drawings, dropout and stochastic depth are those of one process, too."""
    values = tiny(
        network={"drop_path": 0.3, "dropout": 0.5}, schedule={"steps": 5, "batch": 6}
    ).model_dump(mode="json")
    one, two = by_processes(TOWERS, values, data, tmp_path)
    assert two == pytest.approx(one, rel=1e-6)
    assert len(set(one)) == 5


@pytest.mark.parametrize(("whole", "counts"), [(8, [3, 3, 2]), (2, [1, 1, 0])])
def test_a_whole_is_cut_into_as_even_parts_as_can_be(whole: int, counts: list[int]) -> None:
    """Every row is one process's own; those left over go to the first."""
    assert Share(0, 3).counts(whole) == counts
    rows = [list(range(whole))[Share(rank, 3).rows(whole)] for rank in range(3)]
    assert sum(rows, []) == list(range(whole))  # noqa: RUF017 - three lists


def test_a_finished_run_is_extended(zoo: Path, tmp_path: Path) -> None:
    """More steps go on where the shorter run ended; what it had measured stays."""
    train(config(budget={"steps": 2}), zoo, tmp_path / "run")
    result = train(config(budget={"steps": 4}), zoo, tmp_path / "run")
    assert result["steps"] == 4
    train(config(budget={"steps": 4}), zoo, tmp_path / "whole")
    assert losses(tmp_path / "run") == losses(tmp_path / "whole")
    assert len(column(tmp_path / "run/validation.csv", "p@12")) == 2
    record = json.loads((tmp_path / "run/run.json").read_text())
    assert (record["steps"], record["extended_from"]) == (4, [2])


def test_a_run_starts_from_another_ones_weights(zoo: Path, tmp_path: Path) -> None:
    """Its best weights are a file of weights like any other; a head that fits comes along."""
    train(config(budget={"steps": 1}), zoo, tmp_path / "first")
    weights = str(tmp_path / "first/best.safetensors")
    still = config(network={"weights": weights}, optimiser={"learning_rate": 1e-12})
    train(still, zoo, tmp_path / "second")
    first = load_best(tmp_path / "first", config(budget={"steps": 1})).tower.head.state_dict()
    second = load_best(tmp_path / "second", still).tower.head.state_dict()
    for name, value in first.items():
        torch.testing.assert_close(second[name], value)
    with pytest.raises(ConfigError, match=r"does not fit the backbone: .* and \d+ more$"):
        train(
            config(network={"backbone": "resnet18", "weights": weights, "frozen": 0}),
            zoo,
            tmp_path / "third",
        )


def test_best_weights_are_the_runs_own(zoo: Path, tmp_path: Path) -> None:
    """Weights that another run left under the name are not exported."""
    train(config(budget={"steps": 1}), zoo, tmp_path / "first")
    train(config(budget={"steps": 1}, loss={"margin": 1.0}), zoo, tmp_path / "second")
    (tmp_path / "second/best.safetensors").replace(tmp_path / "first/best.safetensors")
    with pytest.raises(ModelError, match="was made by"):
        load_best(tmp_path / "first", config(budget={"steps": 1}))


def test_tensorboard_shows_curves_settings_and_hits(zoo: Path, tmp_path: Path) -> None:
    """Losses of both splits, the rate, P@12 of every validation, also after a resume."""
    train(config(budget={"steps": 2}), zoo, tmp_path / "run")
    train(config(budget={"steps": 4}), zoo, tmp_path / "run")
    board = EventAccumulator(str(tmp_path / "run/tensorboard"))
    board.Reload()
    steps = {
        name: [event.step for event in board.Scalars(name)] for name in board.Tags()["scalars"]
    }
    assert steps == {
        "loss/train": [1, 2, 3, 4],
        "learning rate": [1, 2, 3, 4],
        "val/p@12": [2, 4],
        "loss/val": [2, 4],
    }
    assert board.Tags()["images"] == ["hits"]
    assert any("settings" in name for name in board.Tags()["tensors"])


def test_a_loss_of_ones_own_trains(
    zoo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The example's loss trains by its configuration; a name that is none is told."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    values = read_toml(EXAMPLES / "own_loss.toml")
    for change in ("data.size=32", "network.weights=none", "budget.steps=2", "sampling.classes=2"):
        apply_change(values, change)
    assert train(parse_config(values, "example"), zoo, tmp_path / "run")["steps"] == 2
    values["loss"]["options"] = {"roundness": 1}
    with pytest.raises(ConfigError, match=r"loss own_loss:to_the_middle: .*roundness"):
        train(parse_config(values, "example"), zoo, tmp_path / "other")
    values["loss"] = {"name": "own_loss:nothing"}
    with pytest.raises(ConfigError, match="own_loss:nothing"):
        train(parse_config(values, "example"), zoo, tmp_path / "third")
    values["loss"] = {"name": "contrastiv"}
    with pytest.raises(ConfigError, match="there is no 'contrastiv'; like it: contrastive"):
        parse_config(values, "example")


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 1 bytes"),
    ],
)
def test_no_memory_is_one_line(error: Exception) -> None:
    """Whoever runs out of it, the line says what to lower."""
    with (
        pytest.raises(ConfigError, match="out of memory: a smaller batch"),
        told_of_lack("a smaller batch"),
    ):
        raise error
