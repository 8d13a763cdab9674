"""Joint runs: what they go on from, and what they leave."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact
from sketchzoo.parts import Focus
from sketchzoo_training.commands import train as command
from sketchzoo_training.engine.processes import Share
from sketchzoo_training.engine.report import StepReport
from sketchzoo_training.errors import ConfigError
from sketchzoo_training.recipes.joint import run
from sketchzoo_training.recipes.joint.config import JointConfig
from sketchzoo_training.recipes.joint.material import load_material
from sketchzoo_training.recipes.joint.network import network_of
from sketchzoo_training.recipes.joint.run import train_joint
from sketchzoo_training.recipes.towers.config import TowersConfig
from tests.unit.training.tiny_joint import THREE, ZOO, changed, tiny, write_begun
from tests.unit.training.tiny_towers import losses


@pytest.mark.usefixtures("without_joint_export")
def test_a_run_that_was_ended_learns_what_it_would_have_learned(
    pairs: Path, begun: ModelArtefact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ended after its checkpoint, it comes to the same weights; finished, it only exports again."""
    config = tiny(begun)
    train_joint(config, pairs, tmp_path / "whole")

    def ends(report: StepReport) -> None:
        if report.step >= 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_joint(config, pairs, tmp_path / "cut", listen=ends)
    train_joint(config, pairs, tmp_path / "cut")
    assert losses(tmp_path / "cut") == losses(tmp_path / "whole")
    whole, cut = (load_file(tmp_path / name / "last.safetensors") for name in ("whole", "cut"))
    assert all(torch.equal(cut[name], value) for name, value in whole.items())
    exported: list[object] = []
    monkeypatch.setattr(run, "assemble", lambda *_: exported.append(None))
    train_joint(config, pairs, tmp_path / "cut")
    assert len(exported) == 1
    assert losses(tmp_path / "cut") == losses(tmp_path / "whole")
    with pytest.raises(ConfigError, match=r"objective\.shape was 1\.0, is 2\.0"):
        train_joint(tiny(begun, objective={"shape": 2.0}), pairs, tmp_path / "cut")


@pytest.mark.usefixtures("without_joint_export")
def test_a_preset_that_a_run_goes_on_from_is_run_first(
    pairs: Path, begun: ModelArtefact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder of its name, with the run's seed, and once."""
    asked: list[tuple[str, int]] = []

    def trains(config: TowersConfig, _: Path, folder: Path, **__: object) -> ModelArtefact:
        asked.append((folder.name, config.seed))
        shutil.copytree(begun.folder, folder / "zoo-1")
        (folder / "zoo-1" / "MODEL_CARD.md").write_text("whole")
        return replace(begun, folder=folder / "zoo-1")

    monkeypatch.setattr(run, "train_towers", trains)
    config = tiny(begun).model_copy(update={"starts_from": "zoo-1-towers"})
    for _ in range(2):
        train_joint(config, pairs, tmp_path / "run")
    assert asked == [("zoo-1-towers", config.seed)]
    assert losses(tmp_path / "run")


@pytest.mark.usefixtures("without_joint_export")
def test_a_model_that_a_preset_of_another_recipe_is_called_after_is_gone_on_from(
    pairs: Path, begun: ModelArtefact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shipped zoo-1 is a model to go on from, though the preset that makes it has its name."""
    shutil.copytree(begun.folder, tmp_path / "zoo-1")
    monkeypatch.chdir(tmp_path)
    config = tiny(begun).model_copy(update={"starts_from": "zoo-1"})
    train_joint(config, pairs, tmp_path / "run")
    assert losses(tmp_path / "run")


@pytest.mark.usefixtures("without_joint_export")
def test_a_preset_of_the_same_recipe_is_run_first_too(
    pairs: Path, begun: ModelArtefact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stage may follow another of its kind, whose card names its own preset."""
    asked: list[tuple[str, int, object]] = []

    def trains(config: JointConfig, _: Path, folder: Path, **options: object) -> ModelArtefact:
        asked.append((folder.name, config.seed, options["preset"]))
        return begun

    monkeypatch.setattr(run, "train_joint", trains)
    config = tiny(begun).model_copy(update={"starts_from": "zoo-1-parts"})
    train_joint(config, pairs, tmp_path / "run")
    assert asked == [("zoo-1-parts", config.seed, "zoo-1-parts")]
    assert losses(tmp_path / "run")


def test_a_preset_of_another_recipe_is_nothing_to_go_on_from(
    pairs: Path, begun: ModelArtefact, tmp_path: Path
) -> None:
    """The Siamese networks have no class part: said before anything is trained."""
    config = tiny(begun).model_copy(update={"starts_from": "lite0/mini-contrastive-e2"})
    with pytest.raises(ConfigError, match="joint goes on from one of towers or of joint"):
        train_joint(config, pairs, tmp_path / "run")
    assert not (tmp_path / "run/run.json").exists()


@pytest.mark.usefixtures("without_joint_export")
def test_several_gpus_go_on_from_a_preset_by_the_same_command_again(
    pairs: Path, begun: ModelArtefact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first alone exports it while the others end: nobody is left to train on with."""

    def trains(_: TowersConfig, __: Path, folder: Path, **___: object) -> ModelArtefact:
        return replace(begun, folder=folder / "zoo-1")

    monkeypatch.setattr(run, "train_towers", trains)
    monkeypatch.setattr(Share, "current", lambda: Share(0, 2))
    config = tiny(begun).model_copy(update={"starts_from": "zoo-1-towers"})
    assert train_joint(config, pairs, tmp_path / "run") is None
    assert not (tmp_path / "run/run.json").exists()


@pytest.mark.parametrize(
    ("has", "dtype"),
    [
        ({"avx2": True, "avx512_bf16": False, "cpu_name": "bf16"}, torch.float32),
        ({"avx512_bf16": True}, torch.bfloat16),
    ],
)
def test_still_layers_compute_by_what_the_processor_has(
    begun: ModelArtefact,
    monkeypatch: pytest.MonkeyPatch,
    has: dict[str, object],
    dtype: torch.dtype,
) -> None:
    """bfloat16 where there are instructions for it, float32 where it would take longer."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: has)
    tower = network_of(begun, tiny(begun).network).photo.train()
    seen: list[torch.dtype] = []
    tower.still()[-1].register_forward_hook(lambda *said: seen.append(said[2].dtype))
    tower.maps(torch.zeros(2, 3, 32, 32))
    assert seen == [dtype]


def test_packed_data_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    """It holds no photos: not even the preset that comes first is run."""
    packed = tmp_path / "zoo.npz"
    packed.write_bytes(b"packed")
    command_line = ["--preset", "zoo-1", "--data", str(packed), "--run", str(tmp_path / "run")]
    result = CliRunner().invoke(command, command_line)
    assert result.exit_code == 2
    assert f"{packed} is no folder: the recipe joint learns from images" in result.stderr
    assert not (tmp_path / "run").exists()


def test_a_run_goes_on_from_a_model_of_three_parts(
    pairs: Path, begun: ModelArtefact, tmp_path: Path
) -> None:
    """All three parts begin as they were, and it teaches its classes as one of two parts does."""
    shared, unseen = (begun.notes[key] for key in ("shared_classes", "unseen_classes"))
    artefact = write_begun(tmp_path, shared, unseen, THREE)
    network = network_of(artefact, tiny(artefact).network)
    stored = load_file(artefact.safetensors(Modality.SKETCH))
    for name in ("classifier", "general", "cell", "shape"):
        weight = network.sketch.head.get_parameter(f"{name}.weight")
        assert torch.equal(weight, stored[f"head.{name}.weight"])
    other = network_of(artefact, tiny(artefact, network={"grid": 3}).network)
    assert other.sketch.head.shape.in_features == 4 * 9
    material = load_material(pairs, tiny(artefact), artefact, tmp_path / "cache")
    assert material.sketch_taught.shape[1] == 5


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_one_command_trains_exports_and_measures(
    pairs: Path, begun: ModelArtefact, tmp_path: Path
) -> None:
    """It leaves a model of three parts and three focuses, its figures and its card."""
    config = tmp_path / "mine.toml"
    config.write_text(_toml(changed(begun, device={"processes": 2})))
    run_dir = tmp_path / "run"
    options = ["--config", str(config), "--data", str(pairs), "--run", str(run_dir)]
    assert CliRunner().invoke(command, options).exit_code == 0
    artefact = ModelArtefact.load(run_dir / "zoo-1")
    layout = artefact.layout
    assert [(part.name, part.size) for part in layout.parts] == [
        ("class", 5),
        ("general", 6),
        ("shape", 5),
    ]
    assert layout.default == Focus.BOTH
    assert set(layout.focuses) == set(Focus)
    assert layout.focuses[Focus.BOTH].factors == (1, 1, 1)
    assert artefact.min_score == layout.focuses[Focus.BOTH].min_score
    assert artefact.classes == ZOO
    assert artefact.notes["unseen_classes"] == begun.notes["unseen_classes"]
    assert artefact.run is not None
    assert artefact.run.recipe == "joint"
    metrics = json.loads((artefact.folder / "metrics.json").read_text())
    assert metrics["fingerprint"] == artefact.fingerprint
    for focus in Focus:
        found = metrics["by_focus"][focus]
        assert found["pairs"] == 8
        assert 0 <= found["unseen_classes"]["among_their_own_photos"]["p@12"] <= 1
    card = (artefact.folder / "MODEL_CARD.md").read_text()
    assert "### What a query is after" in card
    assert str(artefact.run) in card


def _toml(values: dict[str, object]) -> str:
    lines = [
        f"{name} = {json.dumps(value)}"
        for name, value in values.items()
        if not isinstance(value, dict)
    ]
    for name, table in values.items():
        if isinstance(table, dict):
            lines += [
                f"[{name}]",
                *(f"{key} = {json.dumps(value)}" for key, value in table.items()),
            ]
    return "\n".join(lines)
