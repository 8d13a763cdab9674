"""Teaching a model classes of the user's own: `sketchzoo finetune` and `model add-class`."""

import json
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import Result
from PIL import Image, ImageDraw
from safetensors.numpy import load_file
from typer.testing import CliRunner

from model_artefact import commands, finetune_command, lessons, taught
from model_artefact.checking import check
from model_artefact.class_head import WEIGHT
from model_artefact.folder import made_aside
from model_artefact.hands import drawn_anew
from model_artefact.photos import Picture, embed
from sketchzoo.images import Modality, prepare
from sketchzoo.ink import WORK, lines
from sketchzoo.model import ModelArtefact
from sketchzoo.posterior import Posterior
from sketchzoo.towers import load_tower
from tests.artefacts import drawing
from tests.text_towers import with_text
from tests.unit.model_artefact.exports import image_encoder
from tests.unit.model_artefact.imported import imported
from tests.unit.model_artefact.naming import KNOWN, naming_model, photos, scene


def finetune(*arguments: object) -> Result:
    """Call `sketchzoo finetune` in this process."""
    runner = CliRunner(env={"COLUMNS": "200"})
    return runner.invoke(finetune_command.app, [str(each) for each in arguments])


def add_class(*arguments: object) -> Result:
    """Call `sketchzoo model add-class` in this process."""
    runner = CliRunner(env={"COLUMNS": "200"})
    return runner.invoke(commands.app, ["add-class", *(str(each) for each in arguments)])


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ModelArtefact]:
    """Return a model of each kind of head that names classes."""
    folder = tmp_path_factory.mktemp("models")
    return {kind: naming_model(folder / kind, kind) for kind in ("posterior", "parts")}


@pytest.fixture
def model(models: dict[str, ModelArtefact]) -> Path:
    """Return the folder of a model with a class part and a general one."""
    return models["posterior"].folder


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Return a folder of two classes of photos."""
    for kind in ("disc", "bar"):
        photos(tmp_path / "own" / kind, kind, 12)
    return tmp_path / "own"


@pytest.mark.parametrize("kind", ["posterior", "parts"])
def test_classes_join_a_model_and_all_its_promises_hold(
    kind: str, models: dict[str, ModelArtefact], own: Path, tmp_path: Path
) -> None:
    """Photos that it did not learn from are named; torch and ONNX agree; the rest is as it was."""
    base, out = models[kind], tmp_path / "out"
    ended = finetune(own, "--model", base.folder, "--out", out)
    assert ended.exit_code == 0, ended.output
    made = ModelArtefact.load(out)
    assert all(promise.is_kept for promise in check(out))
    assert made.dimension == base.dimension + 2
    assert made.fingerprint != base.fingerprint
    assert made.layout.parts[1:] == base.layout.parts[1:]
    assert made.layout.focuses == base.layout.focuses
    assert made.notes["shared_classes"] == [*KNOWN, "bar", "disc"]
    others = [
        Picture(photos(tmp_path / "more" / name, name, 10, first=100) / f"{seed}.png", name)
        for name in ("disc", "bar")
        for seed in range(100, 110)
    ]
    found = embed(made, others, Modality.PHOTO)
    posterior = Posterior.of(made)
    assert posterior is not None
    named = np.array(posterior.classes)[posterior.read(found.vectors).argmax(axis=1)]
    assert (named == np.array(found.classes)).mean() >= 0.8
    for modality in Modality:
        before, after = (load_file(each.safetensors(modality)) for each in (base, made))
        assert all(
            np.array_equal(before[name], after[name])
            for name in before
            if not name.startswith("head.classifier")
        )
        kept = np.delete(after[WEIGHT], (3, 4), axis=0)
        assert np.array_equal(kept, before[WEIGHT])
    image = prepare(scene("disc", 5), made.towers[Modality.PHOTO].preprocessing)
    with torch.inference_mode():
        (there,) = load_tower(made, Modality.PHOTO)(torch.from_numpy(image)[None]).numpy()
    here = embed(made, [Picture(own / "disc" / "5.png", "disc")], Modality.PHOTO).vectors[0]
    assert np.abs(there - here).max() < 1e-4


def test_the_card_says_what_was_learned_from_what(model: Path, own: Path, tmp_path: Path) -> None:
    """Base, counts, drawings, what cross-validation found, the base's terms and its card."""
    sketches = tmp_path / "sketches"
    for name in ("disc", "bar"):
        (sketches / name).mkdir(parents=True)
        for seed in range(3):
            (sketches / name / f"{seed}.png").write_bytes(drawing(seed + 20 * len(name)))
    out = tmp_path / "out"
    ended = finetune(own, sketches, "--model", model, "--out", out, "--name", "mine")
    assert ended.exit_code == 0, ended.output
    base, card = ModelArtefact.read(model), (out / "MODEL_CARD.md").read_text()
    assert card.startswith("# mine\n")
    assert base.fingerprint in card
    assert "| disc | 12 | 3 |" in card
    assert "are named right" in card
    assert "A card of before." in card
    assert (out / "LICENSE").read_text() == "the base's terms\n"
    record = json.loads((out / "config.json").read_text())["notes"]["taught"][0]
    assert record["base_fingerprint"] == base.fingerprint
    assert record["classes"]["bar"] == {"photos": 12, "drawings": 3}
    assert set(record["named_right"]) == {"photos", "drawings"}


def test_a_class_joins_by_prototypes_after_another(model: Path, own: Path, tmp_path: Path) -> None:
    """What was made learns more; both stand in the record."""
    first, second = tmp_path / "first", tmp_path / "second"
    ended = add_class("red disc", own / "disc", "--model", model, "--out", first)
    assert ended.exit_code == 0, ended.output
    ended = add_class("bar", own / "bar", "--model", first, "--out", second)
    assert ended.exit_code == 0, ended.output
    made = ModelArtefact.load(second)
    assert made.notes["shared_classes"] == [*KNOWN, "red disc", "bar"]
    assert [record["by"] for record in made.notes["taught"]] == ["prototypes"] * 2


def test_classes_that_the_model_knows_are_passed_over(
    model: Path, own: Path, tmp_path: Path
) -> None:
    """By whatever capitals; where nothing else is there, nothing is made."""
    photos(own / "Cat", "disc", 6)
    ended = finetune(own, "--model", model, "--out", tmp_path / "out")
    assert "6, known already" in ended.stdout
    photos(tmp_path / "cats" / "CAT", "disc", 6)
    ended = finetune(tmp_path / "cats", "--model", model, "--out", tmp_path / "none")
    assert ended.exit_code == 2
    assert "the model knows every class of" in ended.stderr
    ended = add_class("cat", own / "disc", "--model", model, "--out", tmp_path / "none")
    assert ended.exit_code == 2
    assert not (tmp_path / "none").exists()


def test_files_that_cannot_be_read_are_named(model: Path, own: Path, tmp_path: Path) -> None:
    """Each with why, beside the same photo twice; the others are learned from."""
    (own / "disc" / "broken.jpg").write_bytes(b"no picture")
    (own / "bar" / "again.png").write_bytes((own / "bar" / "0.png").read_bytes())
    ended = finetune(own, "--model", model, "--out", tmp_path / "out")
    assert ended.exit_code == 0, ended.output
    told = " ".join(ended.stderr.split())
    assert "broken.jpg is not a JPEG" in told
    assert "0.png is the same as" in told or "again.png" in told
    assert "Left out: 2 files." in (tmp_path / "out" / "MODEL_CARD.md").read_text()


def test_too_few_photos_are_refused_by_class(model: Path, own: Path, tmp_path: Path) -> None:
    """Those that cannot be read do not count."""
    photos(own / "cup", "bar", 4, first=50)
    (own / "cup" / "broken.jpg").write_bytes(b"no picture")
    ended = finetune(own, "--model", model, "--out", tmp_path / "out")
    assert ended.exit_code == 2
    assert "cup (4); a class needs at least 5" in ended.stderr
    assert "broken.jpg" in ended.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own"]


@pytest.mark.parametrize("level", ["", "photo"])
def test_two_folders_of_one_name_are_refused(
    level: str, model: Path, own: Path, tmp_path: Path
) -> None:
    """They differ in capitals and in what stands between words; whatever they lie in."""
    photos(own / level / "Red cup", "disc", 6)
    photos(own / level / "red_cup", "disc", 6)
    ended = finetune(own, "--model", model, "--out", tmp_path / "out")
    assert ended.exit_code == 2
    assert "Red cup and red_cup are one name" in ended.stderr


def test_more_pictures_than_memory_is_meant_for_are_refused(
    model: Path, own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before one is read; what helps is said."""
    monkeypatch.setattr(lessons, "MOST", 23)
    ended = finetune(own, "--model", model, "--out", tmp_path / "out")
    assert ended.exit_code == 2
    assert "24 photos and drawings of 2 new classes; 23 can be learned from" in ended.stderr
    ended = finetune(own, "--model", model, "--out", tmp_path / "out", "--per-class", 11)
    assert ended.exit_code == 0, ended.output


def test_what_was_unseen_and_a_text_tower_are_gone_once_taught(
    model: Path, own: Path, tmp_path: Path
) -> None:
    """A learned class is unseen no more, however it is written; the card tells of words."""
    base = Path(shutil.copytree(model, tmp_path / "base"))
    artefact = ModelArtefact.read(base)
    notes = {**artefact.notes, "unseen_classes": ["Disc", "tree"]}
    with_text(replace(artefact, notes=notes))
    ended = finetune(own, "--model", base, "--out", tmp_path / "out")
    assert ended.exit_code == 0, ended.output
    made = ModelArtefact.load(tmp_path / "out")
    assert made.notes["unseen_classes"] == ["tree"]
    assert made.text is None
    assert "the extra words gives this model words" in (made.folder / "MODEL_CARD.md").read_text()


def test_sketches_of_what_has_no_photos_are_refused(model: Path, own: Path, tmp_path: Path) -> None:
    """Both folders must have the same names."""
    (tmp_path / "sketches" / "tree").mkdir(parents=True)
    (tmp_path / "sketches" / "tree" / "0.png").write_bytes(drawing())
    ended = finetune(own, tmp_path / "sketches", "--model", model, "--out", tmp_path / "out")
    assert ended.exit_code == 2
    assert "has no photos of: tree" in ended.stderr


def test_a_model_that_was_imported_is_refused(own: Path, tmp_path: Path) -> None:
    """A graph alone names no classes."""
    imported(image_encoder(tmp_path / "clip.onnx"), tmp_path / "clip")
    ended = finetune(own, "--model", tmp_path / "clip", "--out", tmp_path / "out")
    assert ended.exit_code == 2
    assert "was imported as an ONNX graph and names no classes" in ended.stderr


def test_a_folder_that_holds_something_is_refused(model: Path, own: Path, tmp_path: Path) -> None:
    """Before anything is looked at; exit status 3."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("mine")
    assert finetune(own, "--model", model, "--out", tmp_path / "out").exit_code == 3
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine"]


def test_what_is_interrupted_leaves_nothing(
    model: Path, own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even a part of the folder, though both towers were written."""

    def interrupted(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(taught, "card", interrupted)
    assert finetune(own, "--model", model, "--out", tmp_path / "out").exit_code != 0
    assert [path.name for path in tmp_path.iterdir()] == ["own"]


def test_sigterm_leaves_nothing_either(tmp_path: Path) -> None:
    """It ends what makes a folder as Ctrl-C does, and afterwards is what it was."""

    def half_made() -> None:
        with made_aside(tmp_path / "out") as folder:
            (folder / "photo.onnx").write_bytes(b"half of it")
            signal.raise_signal(signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as ended:
        half_made()
    assert ended.value.code == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(signal.SIGTERM) is before


def test_another_hand_draws_the_same_lines_otherwise() -> None:
    """Ink on paper, as a tower takes it; two hands differ."""
    photo = Image.new("RGB", (WORK, WORK), "white")
    ImageDraw.Draw(photo).ellipse((48, 48, 208, 208), outline="black", width=3)
    dice = np.random.default_rng(0)
    first, second = (drawn_anew(lines(photo), 64, dice) for _ in range(2))
    assert first.shape == (1, 64, 64)
    assert first.min() >= -1
    assert first.max() == 1
    assert 0.02 < (first < 0).mean() < 0.5
    assert not np.array_equal(first, second)
