"""A joint run: material, network, the engine's loop; then export, figures and card."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from sketchzoo.model import ModelArtefact
from sketchzoo.towers import load_weights
from sketchzoo_training.data import DataSource, LeftOut
from sketchzoo_training.engine import loop
from sketchzoo_training.engine.memory import keep_freed
from sketchzoo_training.engine.processes import Share, cpu_processes
from sketchzoo_training.engine.recipe import RunDescription
from sketchzoo_training.engine.run_folder import RunFolder
from sketchzoo_training.errors import ConfigError, DataError
from sketchzoo_training.recipes.card import Training, write_card
from sketchzoo_training.recipes.figures import measure
from sketchzoo_training.recipes.joint.assembly import assemble
from sketchzoo_training.recipes.joint.blending import blend, check_blend
from sketchzoo_training.recipes.joint.config import JointConfig
from sketchzoo_training.recipes.joint.material import Material, load_material
from sketchzoo_training.recipes.joint.pictures import ANYTHING
from sketchzoo_training.recipes.joint.recipe import JointRecipe
from sketchzoo_training.recipes.settings import checked, preset_names, read_preset
from sketchzoo_training.recipes.towers.assembly import NAME
from sketchzoo_training.recipes.towers.config import TowersConfig
from sketchzoo_training.recipes.towers.run import train_towers
from sketchzoo_training.recipes.zoo_folder import zoo_folder

Listener = loop.Listener


def train_joint(
    config: JointConfig,
    data: Path,
    run_dir: Path,
    *,
    preset: str = NAME,
    listen: Listener = lambda _: None,
) -> ModelArtefact | None:
    """Train both towers and export them to `run_dir/zoo-1` with their figures and card.

    The card says that `preset` trains the model again.

    A run that was ended at any point goes on from its last checkpoint; one that is finished is
    only exported again. Processes other than the first return nothing; on several GPUs nor does
    the first when it has run a preset to go on from: the next call goes on from that.

    Raises:
        training.errors.ConfigError: a setting is wrong, or `run_dir` belongs to other settings.
        training.errors.DataError: the data cannot be used.
        ModelError: the model that the run goes on from cannot be used.

    """
    data = data.resolve()  # as its files' paths are
    if data.is_file():
        raise DataError(
            f"{data} is no folder: the recipe joint learns from images, not from packed data"
        )
    keep_freed()
    begun = _begin(config, data, run_dir, listen)
    if begun is None:
        return None
    recipe, record = _prepared(config, begun, data, run_dir)
    with cpu_processes(config.device.started, partial(_take_part, config, begun, data, run_dir)):
        result = _learn(recipe, record, run_dir, listen)
    if Share.current().rank:
        return None  # of several GPUs' processes the first exports
    network = recipe.network()
    began = {name: value.clone() for name, value in network.state_dict().items()}
    load_weights(network, RunFolder(run_dir).last, record.identity)
    blend(network, began, config.blend)
    minutes = float(result["seconds"]) / 60
    artefact = assemble(recipe, network, record, run_dir, minutes)
    figures = measure(artefact, data, recipe.material.drawings)
    write_card(artefact, figures, _training(recipe, minutes, preset))
    return artefact


def _training(recipe: JointRecipe, minutes: float, preset: str) -> Training:
    """Return what a card says of how both towers were trained."""
    config, material = recipe.config, recipe.material
    pairs = int((material.pair[material.drawings.where("train")] >= 0).sum())
    anything = len(material.pictures.where(ANYTHING))
    blended = f"\nOf each weight {config.blend:.1%} is what it was before." if config.blend else ""
    return Training(
        photo_backbone="EfficientNet-Lite0, trained",
        sketch_backbone="EfficientNet-Lite0, grey, trained",
        chosen="against photos of `val` and `test`,\nof which training saw none",
        told=(
            f"The {config.schedule.steps} steps behind these weights took {minutes:.0f} minutes.\n"
            f"Both towers began with those of {recipe.artefact.name} "
            f"(`{recipe.artefact.fingerprint}`), whose classes they were taught,\n"
            f"and learned from {pairs} pairs of a photo and a sketch of it, and from contours of "
            f"photos,\n{anything} of them of things that no class names.{blended}"
        ),
        preset=preset,
    )


def _begin(config: JointConfig, data: Path, run_dir: Path, listen: Listener) -> Path | str | None:
    """Return the model that a run goes on from; a preset's run is carried out first.

    None where that was one of several GPUs' processes: the first alone exported it, when the
    others had ended.
    """
    name = config.starts_from
    # A model may have the name of the preset that made it, as zoo-1 has.
    if name == NAME or name not in preset_names():
        return name
    values = read_preset(name)
    folder = run_dir / name
    model = folder / NAME
    if (model / "MODEL_CARD.md").is_file():  # written last
        return model
    same = {"seed": config.seed, "device": config.device}
    made: ModelArtefact | None
    match values.get("recipe"):
        case "towers":
            towers = checked(TowersConfig, values, name).model_copy(update=same)
            made = train_towers(towers, data, folder, listen=listen)
        case "joint":
            joint = checked(JointConfig, values, name).model_copy(update=same)
            made = train_joint(joint, data, folder, preset=name, listen=listen)
        case recipe:
            raise ConfigError(
                f"starts_from: the preset {name} is of the recipe {recipe or 'siamese'}; "
                "joint goes on from one of towers or of joint"
            )
    return None if made is None or Share.current().size > 1 else made.folder


def _prepared(
    config: JointConfig, begun: Path | str, data: Path, run_dir: Path
) -> tuple[JointRecipe, RunDescription]:
    artefact = ModelArtefact.load(begun)
    check_blend(config, artefact)
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


def _take_part(config: JointConfig, begun: Path | str, data: Path, run_dir: Path) -> None:
    keep_freed()
    _learn(*_prepared(config, begun, data, run_dir), run_dir)


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
    """Train by a configuration, export to `run_dir/zoo-1`; returns what came of it, in a line.

    Raises:
        training.errors.InputError: configuration, data or folder do not fit.

    """
    del told  # a drawing or photo that cannot be used ends the run
    config = checked(JointConfig, values, name)
    artefact = train_joint(config, zoo_folder(source, name), run_dir, listen=listen)
    if artefact is None:
        return f"trained in {run_dir}; the same command goes on, if anything is left to do"
    return f"model: {artefact.folder}"
