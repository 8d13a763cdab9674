"""A joint run: material, network, the engine's loop; what comes out lies in the run's folder."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from sketchzoo.model import ModelArtefact
from sketchzoo_training.data import DataFolders, DataSource, LeftOut
from sketchzoo_training.engine import loop
from sketchzoo_training.engine.memory import keep_freed
from sketchzoo_training.engine.processes import cpu_processes
from sketchzoo_training.engine.recipe import RunDescription
from sketchzoo_training.errors import DataError
from sketchzoo_training.recipes.joint.config import JointConfig
from sketchzoo_training.recipes.joint.material import Material, load_material
from sketchzoo_training.recipes.joint.recipe import JointRecipe
from sketchzoo_training.recipes.settings import checked

Listener = loop.Listener


def train(
    config: JointConfig, data: Path, run_dir: Path, *, listen: Listener = lambda _: None
) -> dict[str, Any]:
    """Train both towers; return what the run's `result.json` holds.

    Raises:
        training.errors.ConfigError: a setting is wrong, or `run_dir` belongs to other settings.
        training.errors.DataError: the data cannot be used.
        ModelError: the model that the run goes on from cannot be used.

    """
    data = data.resolve()
    keep_freed()
    recipe, record = _prepared(config, data, run_dir)
    with cpu_processes(config.device.started, partial(_take_part, config, data, run_dir)):
        return _learn(recipe, record, run_dir, listen)


def _prepared(config: JointConfig, data: Path, run_dir: Path) -> tuple[JointRecipe, RunDescription]:
    artefact = ModelArtefact.load(config.starts_from)
    material = load_material(data, config, artefact, run_dir / "cache")
    return JointRecipe(config, material, artefact), record_of(config, material, artefact)


def record_of(config: JointConfig, material: Material, artefact: ModelArtefact) -> RunDescription:
    """Return what a run is made of."""
    summary = material.summary()
    return RunDescription(
        recipe=config.recipe,
        settings=config.model_dump(mode="json"),
        digest=config.digest(),
        lineage=config.lineage(),
        seed=config.seed,
        data={**summary, "fingerprint": f"{summary['fingerprint']}-{artefact.fingerprint}"},
    )


def _take_part(config: JointConfig, data: Path, run_dir: Path) -> None:
    keep_freed()
    _learn(*_prepared(config, data, run_dir), run_dir)


def _learn(
    recipe: JointRecipe, record: RunDescription, run_dir: Path, listen: Listener = lambda _: None
) -> dict[str, Any]:
    budget = recipe.config.budget
    options = recipe.config.device.options(budget.validate_every, budget.checkpoint_every, None)
    return loop.run(recipe, record, run_dir, options, listen)


def train_and_export(
    values: Mapping[str, Any],
    name: str,
    source: DataSource,
    run_dir: Path,
    *,
    listen: Listener,
    told: Callable[[LeftOut], Any],
) -> str | None:
    """Train by a configuration; returns what came of it, in a line.

    Raises:
        training.errors.InputError: configuration, data or folder do not fit.

    """
    del told  # a drawing or photo that cannot be used ends the run
    config = checked(JointConfig, values, name)
    if not isinstance(source, DataFolders) or source.photos != source.sketches:
        raise DataError(f"{name} learns from a folder with zoo/ and extra/, not from {source}")
    result = train(config, source.photos, run_dir, listen=listen)
    return f"{result['steps']} steps in {run_dir}"
