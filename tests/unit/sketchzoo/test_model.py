"""Model artefacts: where they are looked for, and whether this release can serve them."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from sketchzoo.images import PREPROCESSING_VERSION, Preprocessing
from sketchzoo.model import SHIPPED, ModelArtefact, ModelError, fingerprint
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


def test_a_fingerprint_tells_the_preprocessings_version() -> None:
    """Other pixels are other embeddings, though weights and settings are the same."""
    preprocessing = Preprocessing(64, "ink", (0.5,), (0.5,))
    other = replace(preprocessing)
    object.__setattr__(other, "version", PREPROCESSING_VERSION + 1)
    assert asdict(preprocessing)["version"] == PREPROCESSING_VERSION
    prints = {fingerprint({"one": b"weights"}, {"one": each}) for each in (preprocessing, other)}
    assert len(prints) == 2


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


def test_the_shipped_model_has_its_own_fingerprint() -> None:
    """What config.json states is what weights and preprocessing come to."""
    for config in SHIPPED.glob("*/config.json"):
        artefact = ModelArtefact.load(config.parent)
        towers = {tower.name: tower for tower in artefact.towers.values()}
        weights = {name: (config.parent / f"{name}.safetensors").read_bytes() for name in towers}
        settings = {name: tower.preprocessing for name, tower in towers.items()}
        assert artefact.fingerprint == fingerprint(weights, settings)
        for other in ("metrics.json", "MODEL_CARD.md"):
            assert artefact.fingerprint in (config.parent / other).read_text()
