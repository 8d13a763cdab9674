"""Model artefacts: where they are looked for, and whether this release can serve them."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from sketchzoo.fingerprint import fingerprint
from sketchzoo.images import PREPROCESSING_VERSION, Modality, Preprocessing
from sketchzoo.model import SHIPPED, ModelArtefact, RunRecord
from sketchzoo.model_error import ModelError
from sketchzoo.tower_config import TowerConfig
from tests.artefacts import tiny_model


def test_a_bare_name_is_a_shipped_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From whatever folder; one of that name which lies there goes first."""
    monkeypatch.chdir(tmp_path)
    assert ModelArtefact.load("zoo-1").folder == SHIPPED / "zoo-1"
    own = tiny_model(tmp_path / "zoo-1")
    assert ModelArtefact.load("zoo-1").fingerprint == own.fingerprint


@pytest.mark.parametrize("path", ["/models/mounted/zoo-1", "mounted/zoo-1", "./zoo-1", "zoo-1/"])
def test_a_path_that_leads_nowhere_serves_nothing_else(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing mount must not end in another model of the same name."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=r"zoo-1 is no folder: .*shipped \(zoo-1\)"):
        ModelArtefact.load(path)


def test_a_fingerprint_tells_what_no_weight_says(tmp_path: Path) -> None:
    """Calibrated anew, the same weights give other embeddings: galleries must not mix them."""
    (tmp_path / "photo.safetensors").write_bytes(b"weights")
    how = Preprocessing(32, "crop", (0.5,), (0.5,))
    towers = [
        TowerConfig("photo", how, {"backbone": "tiny", "head": {"kind": "parts", "doubt": doubt}})
        for doubt in (0.5, 1.0)
    ]
    assert len({fingerprint(tmp_path, [tower]) for tower in towers}) == 2


def test_a_fingerprint_tells_the_preprocessings_version(tmp_path: Path) -> None:
    """Other pixels are other embeddings, though weights and settings are the same."""
    (tmp_path / "one.safetensors").write_bytes(b"weights")
    preprocessing = Preprocessing(64, "ink", (0.5,), (0.5,))
    other = replace(preprocessing)
    object.__setattr__(other, "version", PREPROCESSING_VERSION + 1)
    assert asdict(preprocessing)["version"] == PREPROCESSING_VERSION
    towers = [TowerConfig("one", each, {}) for each in (preprocessing, other)]
    assert len({fingerprint(tmp_path, [tower]) for tower in towers}) == 2


@pytest.mark.parametrize("version", [None, 1, PREPROCESSING_VERSION + 1])
def test_a_model_for_another_preprocessing_is_refused(version: int | None, tmp_path: Path) -> None:
    """Its network would see what it never saw in training; the message says what to do."""
    tiny_model(tmp_path)
    path = tmp_path / "config.json"
    config = json.loads(path.read_text())
    for tower in config["towers"].values():
        tower["preprocessing"]["version"] = version
        if version is None:
            del tower["preprocessing"]["version"]
    path.write_text(json.dumps(config))
    with pytest.raises(ModelError, match=rf"version {version or 1} of the preprocessing") as told:
        ModelArtefact.load(tmp_path)
    assert str(path) in str(told.value)
    assert "train it anew" in str(told.value)


@pytest.mark.parametrize("damage", ["cut", "flipped", "missing", "of another model"])
def test_weights_that_are_not_the_models_own_are_refused(damage: str, tmp_path: Path) -> None:
    """One line names the file, before any runtime reads what it would crash or lie on."""
    artefact = tiny_model(tmp_path / "model")
    path = artefact.safetensors(Modality.PHOTO)
    content = path.read_bytes()
    if damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == "missing":
        path.unlink()
    else:
        path.write_bytes(artefact.safetensors(Modality.SKETCH).read_bytes())
    with pytest.raises(ModelError, match=r"photo\.safetensors") as told:
        ModelArtefact.load(artefact.folder)
    assert "\n" not in str(told.value)


def test_the_run_that_made_a_model_is_kept(tmp_path: Path) -> None:
    """config.json says which settings and data the weights came from."""
    run = RunRecord("towers", "0123456789abcdef", "fedcba9876543210", seed=3, steps=1700)
    replace(tiny_model(tmp_path), run=run).save_config()
    assert ModelArtefact.load(tmp_path).run == run


@pytest.mark.parametrize(
    "wrong", [{"recipe": ""}, {"digest": ""}, {"data": ""}, {"steps": -1}, {"minutes": 3}]
)
def test_a_run_that_says_nothing_is_refused(wrong: dict[str, Any], tmp_path: Path) -> None:
    """A record without its digest, or with fields that nobody knows, names its file."""
    run = RunRecord("towers", "0123456789abcdef", "fedcba9876543210", seed=3, steps=1700)
    replace(tiny_model(tmp_path), run=run).save_config()
    path = tmp_path / "config.json"
    config = json.loads(path.read_text())
    config["run"] |= wrong
    path.write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"config\.json"):
        ModelArtefact.load(tmp_path)


def test_each_shipped_weight_is_stored_once() -> None:
    """The graphs hold none, and what is written beside a model names its fingerprint."""
    for config in SHIPPED.glob("*/config.json"):
        artefact = ModelArtefact.load(config.parent)
        for modality in Modality:
            assert artefact.onnx(modality).stat().st_size < 100_000
        for other in ("metrics.json", "MODEL_CARD.md"):
            assert artefact.fingerprint in (config.parent / other).read_text()
