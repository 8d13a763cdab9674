"""Which experiments a study runs: presets that ship, files of one's own, changes to all."""

import glob
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from sketchzoo_training.errors import ConfigError
from sketchzoo_training.recipes.settings import (
    apply_change,
    preset_names,
    read_preset,
    read_toml,
)
from sketchzoo_training.recipes.siamese.config import TrainingConfig, parse_config


@dataclass(frozen=True, slots=True)
class Experiment:
    """A configuration to train, and what the user calls it.

    `recipe` are 16 hexadecimal digits of all that decides the weights, the content of a
    file of weights included; `changes` were made to what `name` stands for.
    """

    name: str
    config: TrainingConfig
    recipe: str
    changes: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """What its run's folder is called."""
        return f"{self.name.replace('/', '-')}-{self.recipe[:6]}"


def chosen_experiments(
    patterns: Sequence[str], files: Sequence[Path] = (), changes: Sequence[str] = ()
) -> list[Experiment]:
    """Return the presets and files that match, each recipe once, with the changes applied.

    A pattern that ends in `.toml` matches files, any other one the presets that ship.

    Raises:
        ConfigError: a pattern matches none, a file or a field is wrong, or a file of
            weights is missing.

    """
    sources: list[tuple[str, dict[str, Any]]] = []
    for pattern in patterns:
        sources += _own(pattern) if pattern.endswith(".toml") else _shipped(pattern)
    sources += [_read(path) for path in files]
    found: dict[str, Experiment] = {}
    for name, values in sources:
        for change in changes:
            apply_change(values, change)
        config = parse_config(values, name)
        recipe = _recipe(config, name)
        found.setdefault(recipe, Experiment(name, config, recipe, tuple(changes)))
    return list(found.values())


def _shipped(pattern: str) -> list[tuple[str, dict[str, Any]]]:
    presets = {name: read_preset(name) for name in preset_names()}
    siamese = [name for name, v in presets.items() if v.get("recipe", "siamese") == "siamese"]
    matching = [(name, presets[name]) for name in siamese if fnmatch(name, pattern)]
    if not matching:
        raise ConfigError(f"no Siamese preset is like {pattern!r}; there are {', '.join(siamese)}")
    return matching


def _own(pattern: str) -> list[tuple[str, dict[str, Any]]]:
    paths = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - Path.glob refuses absolute patterns
    if not paths:
        raise ConfigError(f"no file is like {pattern!r}")
    return [_read(Path(path)) for path in paths]


def _read(path: Path) -> tuple[str, dict[str, Any]]:
    named = path.stem if path.is_absolute() or ".." in path.parts else path.with_suffix("")
    return str(named), read_toml(path)


def _recipe(config: TrainingConfig, name: str) -> str:
    if config.network.weights in ("imagenet", "none"):
        return config.digest()
    try:
        with Path(config.network.weights).open("rb") as file:
            weights = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ConfigError(
            f"{name}: network.weights: {config.network.weights} cannot be read: {error.strerror}"
        ) from error
    return hashlib.sha256(f"{config.digest()} {weights}".encode()).hexdigest()[:16]
