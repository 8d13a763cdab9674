"""The joint recipe: what a batch holds, what is told apart, what a run leaves."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
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
from sketchzoo_training.errors import ConfigError, DataError
from sketchzoo_training.recipes.joint import run
from sketchzoo_training.recipes.joint.batches import JointBatch, Sampler, batches
from sketchzoo_training.recipes.joint.config import JointConfig, ObjectiveConfig
from sketchzoo_training.recipes.joint.material import Material, load_material
from sketchzoo_training.recipes.joint.network import Parts, network_of
from sketchzoo_training.recipes.joint.objective import Objective
from sketchzoo_training.recipes.joint.run import train_joint
from sketchzoo_training.recipes.towers.config import TowersConfig
from tests.unit.training.tiny_joint import THREE, ZOO, changed, tiny, write_begun
from tests.unit.training.tiny_towers import losses

CPU = torch.device("cpu")
WHOLE = Share()


@pytest.fixture(scope="module")
def material(
    pairs: Path, begun: ModelArtefact, tmp_path_factory: pytest.TempPathFactory
) -> Material:
    return load_material(pairs, tiny(begun), begun, tmp_path_factory.mktemp("cache"))


@pytest.fixture
def copied(pairs: Path, tmp_path: Path) -> Path:
    """Copy the data, for a test to spoil."""
    return Path(shutil.copytree(pairs, tmp_path / "data"))


def batch_of(
    material: Material, config: JointConfig, step: int = 3, share: Share = WHOLE
) -> JointBatch:
    made = batches(material, config, steps=range(step, step + 1), share=share, device=CPU)
    return next(iter(made))


def test_a_sketch_belongs_to_the_photo_of_its_class_that_its_name_tells(
    material: Material,
) -> None:
    """Photos of two classes that are called the same are not taken for each other."""
    paired = np.flatnonzero(material.pair >= 0)
    assert len(paired) == 2 * 7 + 3 * 2
    assert (
        material.pictures.labels[material.pair[paired]] == material.drawing_labels[paired]
    ).all()


def test_training_sees_nothing_of_val_test_and_unseen_classes(
    material: Material, begun: ModelArtefact
) -> None:
    """Whatever the step, all photos and drawings of a batch are training's."""
    sampler = Sampler(material, tiny(begun))
    for step in range(20):
        chosen = sampler.choose(step)
        assert set(material.pictures.split[chosen.pictures]) <= {"train", "anything"}
        drawn = chosen.drawings[chosen.drawings >= 0]
        assert set(material.drawings.split[drawn]) == {"train"}


def test_a_batch_follows_from_seed_and_step(material: Material, begun: ModelArtefact) -> None:
    """The same step gives the same batch, another step or seed another."""
    one, same = (batch_of(material, tiny(begun)) for _ in range(2))
    assert torch.equal(one.photos, same.photos)
    assert torch.equal(one.sketches, same.sketches)
    assert not torch.equal(batch_of(material, tiny(begun), step=4).sketches, one.sketches)
    other = tiny(begun).model_copy(update={"seed": 1})
    assert not torch.equal(batch_of(material, other).sketches, one.sketches)


@pytest.mark.parametrize("size", [2, 3])
def test_processes_make_parts_of_one_batch(
    material: Material, begun: ModelArtefact, size: int
) -> None:
    """Whatever the number of processes, a step's images are the same, all know the whole."""
    whole = batch_of(material, tiny(begun))
    parts = [batch_of(material, tiny(begun), share=Share(rank, size)) for rank in range(size)]
    assert torch.equal(torch.cat([part.photos for part in parts]), whole.photos)
    assert torch.equal(torch.cat([part.sketches for part in parts]), whole.sketches)
    assert all(torch.equal(part.sketch_labels, whole.sketch_labels) for part in parts)
    assert whole.sizes == (len(whole.photos),) * 3 + (len(whole.sketches),) * 3


def test_a_photo_is_mirrored_where_its_drawing_is(material: Material, begun: ModelArtefact) -> None:
    """Sketch and contour lie as the photo does: ink is where the photo's dark L is."""
    config = tiny(
        begun,
        drawing={
            "size": 96,
            "small_size": 96,
            "strength": 0.0,
            "contour_dropped": 0.0,
            "blurs": [1.0],
        },
    )
    agreed = []
    for step in range(6):
        batch = batch_of(material, config, step)
        for photo, sketch in zip(batch.photos, batch.sketches, strict=False):
            dark = photo.mean(0) < photo.mean(0).mean() - 0.4
            ink = torch.nn.functional.max_pool2d((sketch < 0).float(), 15, 1, 7)[0] > 0
            as_it_is = (dark & ink).sum()
            agreed.append(bool(as_it_is >= (dark & ink.flip(1)).sum()))
    assert np.mean(agreed) > 0.9


def test_a_batch_of_little_data_is_smaller(material: Material, begun: ModelArtefact) -> None:
    """Where there are fewer classes and photos of anything than a batch may hold, it takes all."""
    config = tiny(begun, data={"classes": 50, "each": 2, "anything": 50})
    chosen = Sampler(material, config).choose(0)
    assert len(chosen.pictures) == 4 * 2 + 3


def test_a_picture_is_told_from_others_of_its_class_and_never_from_itself() -> None:
    """The shape part's loss rises with a photo of the same class, not with the same photo again."""
    only_shape = ObjectiveConfig(taught=0, proxies=0, bridge=0, instance=0, shape=1)
    objective = Objective(2, 2, 3, only_shape)
    shapes = torch.nn.functional.normalize(torch.randn(3, 4), dim=1)

    def loss(picture: list[int]) -> float:
        labels = torch.zeros(3, dtype=torch.long)
        batch = JointBatch(
            photos=torch.zeros(3),
            sketches=torch.zeros(3),
            photo_labels=labels,
            sketch_labels=labels,
            picture=torch.tensor(picture),
            drawn=torch.ones(3, dtype=torch.bool),
            photo_taught=torch.zeros(3, 2),
            sketch_taught=torch.zeros(3, 2),
            is_taught=torch.ones(3, dtype=torch.bool),
        )
        general = torch.nn.functional.normalize(torch.ones(3, 3), dim=1)
        said = Parts(torch.zeros(3, 2), general, shapes)
        return float(objective(said, said, batch).detach())

    assert loss([0, 1, 2]) > loss([0, 0, 2]) > loss([0, 0, 0])
    assert loss([0, 0, 0]) == pytest.approx(0, abs=1e-6)


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


def test_what_cannot_be_gone_on_from_is_refused(
    pairs: Path, begun: ModelArtefact, tmp_path: Path
) -> None:
    """A model without classes, with other classes, or that has not seen others: said in a line."""

    def refused(artefact: ModelArtefact) -> str:
        with pytest.raises(ConfigError) as error:
            load_material(pairs, tiny(artefact), artefact, tmp_path / "cache")
        return str(error.value)

    tower = begun.towers[Modality.SKETCH]
    bare = replace(tower, network={"backbone": "efficientnet_lite0"})
    told = refused(replace(begun, towers={**begun.towers, Modality.SKETCH: bare}))
    assert told == "starts_from: begun has no class part to go on from"
    other = {**begun.notes, "unseen_classes": ["moon"]}
    told = refused(replace(begun, notes=other))
    assert "begun has never seen moon; of" in told
    assert f"with the seed 0 keeps out {begun.notes['unseen_classes'][0]}" in told
    head = {**tower.network["head"], "classes": 9}
    more = replace(tower, network={**tower.network, "head": head})
    told = refused(replace(begun, towers={**begun.towers, Modality.SKETCH: more}))
    assert told == "starts_from: begun names 9 things drawn, the data 5"


@pytest.mark.parametrize(
    ("spoilt", "told"),
    [
        ("val", "puts no sketch into val whose photo is in val or test"),
        ("train", "there is no photo to learn ant, bee from"),
    ],
)
def test_data_that_lacks_what_is_needed_is_refused(
    copied: Path, begun: ModelArtefact, tmp_path: Path, spoilt: str, told: str
) -> None:
    """Before anything is trained, in a line that says what would be right."""
    path = copied / "zoo/splits.csv"
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    left = "train" if spoilt == "val" else "val"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(
            [name, left if split == spoilt else split] for name, split in rows
        )
    with pytest.raises(DataError, match=told):
        load_material(copied, tiny(begun), begun, tmp_path / "cache")


def test_data_without_pairs_is_refused(copied: Path, begun: ModelArtefact, tmp_path: Path) -> None:
    """Where no sketch's name tells of a photo there is nothing to learn shape from."""
    for path in [*copied.rglob("sketch/*/*-1.png")]:
        path.rename(path.with_name(path.name.replace("-1", "")))
    splits = copied / "zoo/splits.csv"
    splits.write_text(splits.read_text().replace("-1.png", ".png"))
    with pytest.raises(DataError, match=r"no sketch's name tells of which photo it is"):
        load_material(copied, tiny(begun), begun, tmp_path / "cache")


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
