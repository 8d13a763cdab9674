"""Presets and TOML files."""

from pathlib import Path

import pytest

from sketchzoo_training.errors import ConfigError
from sketchzoo_training.recipes.settings import preset_names, read_preset, read_toml
from sketchzoo_training.recipes.siamese.config import parse_config

MINIMAL = {
    "network": {"backbone": "resnet18", "dimension": 2},
    "loss": {"name": "contrastive"},
    "budget": {"steps": 10},
}


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_parses(name: str) -> None:
    """Every preset of the Siamese recipe is a whole configuration with a line about it."""
    values = read_preset(name)
    assert values["about"]
    if values.get("recipe", "siamese") == "siamese":
        config = parse_config(values, name)
        assert config.network.backbone.removeprefix("efficientnet_") in name
        assert f"-e{config.network.dimension}" in name


def test_the_studys_grid_ships() -> None:
    """Every experiment of the original study has a preset."""
    grid = {f"study/mini-{loss}-resnet18-e2" for loss in ("contrastive", "triplet")}
    grid |= {f"study/full-contrastive-resnet{depth}-e16" for depth in (18, 34, 50, 101)}
    grid |= {f"study/full-triplet-resnet{depth}-e16" for depth in (18, 34)}
    assert grid <= set(preset_names())


def test_the_study_is_told_as_it_was() -> None:
    """Margin 2.0, Adam 1e-4, batch 16, the study's head, euclidean distances."""
    config = parse_config(read_preset("study/mini-contrastive-resnet18-e2"), "study")
    assert config.loss.margin == 2.0
    assert (config.optimiser.name, config.optimiser.learning_rate) == ("adam", 1e-4)
    assert config.sampling.batch == 16
    assert config.network.head == "study"
    assert config.distance == "euclidean"
    assert len(config.data.classes) == 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"network": {"backbone": "vgg", "dimension": 2}}, r"network\.backbone"),
        ({"network": {"backbone": "resnet18", "dimension": 1}}, r"network\.dimension"),
        ({"budget": {"steps": 0}}, r"budget\.steps"),
        ({"stride": 1}, r"stride: Extra"),
        ({"budget": {}}, r"budget\.steps: Field required"),
    ],
)
def test_mistakes_name_the_field(change: dict[str, object], message: str) -> None:
    """A wrong, unknown or missing field is refused by its name."""
    with pytest.raises(ConfigError, match=message):
        parse_config({**MINIMAL, **change}, "mine.toml")


def test_unknown_presets_suggest_like_ones() -> None:
    """A preset misspelt is answered with those that are like it."""
    with pytest.raises(ConfigError, match="study/mini-contrastive-resnet18-e2"):
        read_preset("study/mini-contrastive-resnet18")


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    """A missing file and one that is no TOML are told apart."""
    with pytest.raises(ConfigError, match=r"none\.toml cannot be read"):
        read_toml(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("a = ")
    with pytest.raises(ConfigError, match=r"bad\.toml is not TOML"):
        read_toml(tmp_path / "bad.toml")


def test_the_digest_follows_what_decides_the_weights() -> None:
    """Another seed is another run; another number of loader processes is not."""
    config = parse_config(dict(MINIMAL), "mine")
    same = parse_config({**MINIMAL, "data": {"workers": 3}}, "mine")
    other = parse_config({**MINIMAL, "seed": 1}, "mine")
    assert config.digest() == same.digest() != other.digest()
