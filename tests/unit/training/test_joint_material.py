"""The joint recipe's material: what belongs together, and data and models that are refused."""

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact
from sketchzoo_training.errors import ConfigError, DataError
from sketchzoo_training.recipes.joint.material import Material, load_material
from tests.unit.training.tiny_joint import tiny


@pytest.fixture(scope="module")
def material(
    pairs: Path, begun: ModelArtefact, tmp_path_factory: pytest.TempPathFactory
) -> Material:
    return load_material(pairs, tiny(begun), begun, tmp_path_factory.mktemp("cache"))


@pytest.fixture
def copied(pairs: Path, tmp_path: Path) -> Path:
    """Copy the data, for a test to spoil."""
    return Path(shutil.copytree(pairs, tmp_path / "data"))


def test_a_sketch_belongs_to_the_photo_of_its_class_that_its_name_tells(
    material: Material,
) -> None:
    """Photos of two classes that are called the same are not taken for each other."""
    paired = np.flatnonzero(material.pair >= 0)
    assert len(paired) == 2 * 7 + 3 * 2
    assert (
        material.pictures.labels[material.pair[paired]] == material.drawing_labels[paired]
    ).all()


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


@pytest.mark.parametrize("photo", ["extra/photo_any/thing/0.png", "zoo/photo/ant/0.png"])
def test_a_damaged_photo_is_named(
    copied: Path, begun: ModelArtefact, tmp_path: Path, photo: str
) -> None:
    """A photo that does not decode ends a run before it begins, in a line that names it."""
    (copied / photo).write_bytes(b"no image")
    with pytest.raises(DataError, match=rf"{photo} is not a JPEG, "):
        load_material(copied, tiny(begun), begun, tmp_path / "cache")
