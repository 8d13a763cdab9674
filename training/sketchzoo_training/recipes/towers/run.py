"""The whole run: teachers, sketch network, calibration, export, figures and card."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import distributed

from sketchzoo.model import ModelArtefact
from sketchzoo.towers import load_weights, save_weights
from sketchzoo_training.data import DataSource, LeftOut
from sketchzoo_training.engine import loop
from sketchzoo_training.engine.memory import keep_freed
from sketchzoo_training.engine.processes import Share, cpu_processes
from sketchzoo_training.engine.recipe import RunDescription
from sketchzoo_training.engine.report import StepReport
from sketchzoo_training.engine.run_folder import RunFolder
from sketchzoo_training.errors import ConfigError
from sketchzoo_training.models.sketch_net import SketchNet
from sketchzoo_training.recipes.card import Training, write_card
from sketchzoo_training.recipes.figures import measure
from sketchzoo_training.recipes.settings import checked, read_preset
from sketchzoo_training.recipes.towers.assembly import NAME, assemble
from sketchzoo_training.recipes.towers.config import TowersConfig
from sketchzoo_training.recipes.towers.material import Material, load_material
from sketchzoo_training.recipes.towers.recipe import TowersRecipe
from sketchzoo_training.recipes.zoo_folder import zoo_folder

Listener = Callable[[StepReport], Any]


def train_and_export(
    values: Mapping[str, Any],
    name: str,
    source: DataSource,
    run_dir: Path,
    *,
    listen: Listener,
    told: Callable[[LeftOut], Any],
) -> str | None:
    """Train by a configuration, export to `run_dir/zoo-1`; returns what came of it, in a line.

    Raises:
        training.errors.InputError: configuration, data or folder do not fit.

    """
    del told  # a drawing or photo that cannot be used ends the run
    config = checked(TowersConfig, values, name)
    artefact = train_towers(config, zoo_folder(source, name), run_dir, listen=listen)
    if artefact is None:
        return f"trained in {run_dir}; the same command with the images as --data exports it"
    return f"model: {artefact.folder}"


def train_towers(
    config: TowersConfig, data: Path, run_dir: Path, *, listen: Listener = lambda _: None
) -> ModelArtefact | None:
    """Train the sketch network and its teachers, and export both towers to `run_dir/zoo-1`.

    `data` is a folder that holds `zoo/` (with splits.csv) and, if it is there, `extra/`; or a
    file that `sketchzoo data pack` made, from which networks are trained: they are exported
    and measured by a later run on the same `run_dir` where the images are. A run that was
    ended at any point goes on from its last checkpoint. Teachers are trained first, in
    `run_dir/teachers`; one that is finished is asked as it is. Processes other than the
    first, and runs on packed data, return nothing.

    Raises:
        training.errors.ConfigError: a setting is wrong, or `run_dir` belongs to other settings.
        training.errors.DataError: the data cannot be used.

    """
    data = data.resolve()  # as its files' paths are
    keep_freed()
    material = load_material(data, config, run_dir / "cache")
    for name in config.objective.teachers:
        teacher = teacher_config(config, name)
        train_sketches(teacher, material, data, run_dir, teacher=name, listen=listen)
    recipe, network = train_sketches(config, material, data, run_dir, listen=listen)
    if Share.current().rank or data.is_file():
        return None  # of several GPUs' processes the first exports
    record = record_of(config, material)
    minutes = _minutes(run_dir)
    artefact = assemble(recipe, network, record, run_dir / NAME, minutes)
    write_card(artefact, measure(artefact, data, material.drawings), training_of(config, minutes))
    return artefact


def training_of(config: TowersConfig, minutes: float) -> Training:
    """Return what a card says of how the towers were trained."""
    schedule, objective = config.schedule, config.objective
    small = ""
    if schedule.small_steps:
        small = f", the first {schedule.small_steps} at {schedule.small_size} px,"
    text = (
        f"The {schedule.steps} steps of {schedule.batch} sketches behind these weights{small}\n"
        f"took {minutes:.0f} minutes; thinning, features and contours\n"
        "before them and measuring after them some ten more."
    )
    if objective.teachers:
        text += (
            f"\nThe sketch side learned from labels and from {', '.join(objective.teachers)},"
            "\nwhich the command trains first."
        )
    if config.network.starts_from:
        text += f"\nIt began with the weights of {config.network.starts_from}."
    if objective.averaged_with:
        text += f"\nIts weights are their mean with those of {', '.join(objective.averaged_with)}."
    return Training(
        photo_backbone="EfficientNet-Lite0, ImageNet weights, frozen",
        sketch_backbone="EfficientNet-Lite0, grey, trained",
        chosen="against up to 13 photos a class of `train`\n"
        "and `val` by probes that had not seen them",
        told=text,
        preset="zoo-1-towers",
    )


def teacher_config(config: TowersConfig, name: str) -> TowersConfig:
    """Return a teacher's configuration, on the same split of the data as its pupil's.

    Raises:
        ConfigError: no preset is called `name`, or it does not fit the pupil's.

    """
    own = checked(TowersConfig, read_preset(name), name)
    teacher = own.model_copy(
        update={
            "seed": config.seed,
            "device": config.device,
            "photos": config.photos,
            "data": own.data.model_copy(update={"held_out_classes": config.data.held_out_classes}),
            "drawing": own.drawing.model_copy(
                update={"keep": config.drawing.keep, "shown": config.drawing.shown}
            ),
            "network": own.network.model_copy(
                update={
                    "general": config.network.general,
                    "frozen_blocks": config.network.frozen_blocks,
                }
            ),
        }
    )
    teachers = config.objective.teachers
    earlier = teachers[: teachers.index(name)]
    if untaught := [each for each in teacher.objective.teachers if each not in earlier]:
        raise ConfigError(
            f"objective.teachers: {untaught[0]} teaches {name} and must come before it"
        )
    return teacher


def record_of(config: TowersConfig, material: Material) -> RunDescription:
    """Return what a run is made of."""
    return RunDescription(
        recipe=config.recipe,
        settings=config.model_dump(mode="json"),
        digest=config.digest(),
        lineage=config.lineage(),
        seed=config.seed,
        data=material.summary(),
    )


def folder_of(run_dir: Path, teacher: str | None) -> Path:
    """Return where a run's sketch network is trained, or one of its teachers."""
    return run_dir / "teachers" / teacher if teacher else run_dir


def _network_of(run_dir: Path, teacher: str | None) -> Path:
    """Return where the trained network lies, averaged with others."""
    return folder_of(run_dir, teacher) / "network.safetensors"


def train_sketches(
    config: TowersConfig,
    material: Material,
    data: Path,
    run_dir: Path,
    *,
    teacher: str | None = None,
    listen: Listener = lambda _: None,
) -> tuple[TowersRecipe, SketchNet]:
    """Train a sketch network to its end, the run's own or that of a `teacher`.

    Returns its recipe and the network: its mean with those that it is averaged with.
    """
    recipe = recipe_of(config, material, run_dir)
    folder = RunFolder(folder_of(run_dir, teacher))
    record = record_of(config, material)
    work = partial(_take_part, config, data, run_dir, teacher)
    with cpu_processes(config.device.started, work):
        _learn(recipe, record, folder.path, listen)
    network = recipe.build()
    load_weights(network, folder.last, record.identity)
    others = [recipe.build() for _ in config.objective.averaged_with]
    for other, name in zip(others, config.objective.averaged_with, strict=True):
        load_weights(other, _network_of(run_dir, name))
    average(network, others)
    if not Share.current().rank:
        save_weights(network, _network_of(run_dir, teacher), record.identity)
    if distributed.is_initialized():
        distributed.barrier()  # on several GPUs the others are taught by what the first has written
    return recipe, network.eval()


def recipe_of(config: TowersConfig, material: Material, run_dir: Path) -> TowersRecipe:
    """Return the recipe of a run, with the weights of the teachers that have been trained."""
    taught_by = [
        (_network_of(run_dir, name), teacher_config(config, name).drawing.size)
        for name in config.objective.teachers
    ]
    begins = config.network.starts_from
    begins_with = _network_of(run_dir, begins) if begins else None
    return TowersRecipe(config, material, taught_by, begins_with)


def _take_part(config: TowersConfig, data: Path, run_dir: Path, teacher: str | None) -> None:
    """Do another process's part of a run."""
    keep_freed()
    material = load_material(data, config, run_dir / "cache")
    recipe = recipe_of(config, material, run_dir)
    _learn(recipe, record_of(config, material), folder_of(run_dir, teacher))


def _learn(
    recipe: TowersRecipe, record: RunDescription, folder: Path, listen: Listener = lambda _: None
) -> None:
    budget = recipe.config.budget
    options = recipe.config.device.options(budget.validate_every, budget.checkpoint_every, None)
    loop.run(recipe, record, folder, options, listen)


@torch.no_grad()
def average(network: SketchNet, others: Sequence[SketchNet]) -> None:
    """Replace a network by its mean with others.

    Networks that began from the same weights mean as well as they would vote
    ("model soups", arXiv 2203.05482).
    """
    states = [other.state_dict() for other in others]
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            value.copy_(torch.stack([value, *(state[name] for state in states)]).mean(0))


def _minutes(run_dir: Path) -> float:
    """Return how long the run and its teachers took in all."""
    results = (json.loads(path.read_text()) for path in run_dir.rglob("result.json"))
    return sum(float(result["seconds"]) for result in results) / 60
