"""Training by the Siamese recipe: a configuration and a data set in, a run's folder out."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from sketchzoo.images import Modality
from sketchzoo.towers import load_weights
from sketchzoo_training.data import (
    DataError,
    DataSource,
    ImageFile,
    LeftOut,
    TrainingSet,
    filled_up,
    load_training_set,
)
from sketchzoo_training.engine import loop
from sketchzoo_training.engine.processes import cpu_processes
from sketchzoo_training.engine.recipe import RunDescription
from sketchzoo_training.engine.report import StepReport
from sketchzoo_training.engine.run_folder import RunFolder
from sketchzoo_training.models.siamese import SiameseNetwork, build_siamese, preprocessing
from sketchzoo_training.recipes.siamese.batches import ImageStore
from sketchzoo_training.recipes.siamese.config import TrainingConfig
from sketchzoo_training.recipes.siamese.recipe import SiameseRecipe, Stores


def train(
    config: TrainingConfig,
    source: Path | DataSource,
    run_dir: Path,
    *,
    listen: Callable[[StepReport], Any] = lambda _: None,
    told: Callable[[LeftOut], Any] = lambda _: None,
) -> dict[str, Any]:
    """Train, or go on where a killed run stopped; return what `result.json` holds.

    `told` hears what the data set holds and the run does not learn from, before it begins.

    Raises:
        training.errors.InputError: the data, the configuration or the folder's older run
            does not fit.
        training.errors.DivergedError: the loss is no number any more.

    """
    others = partial(_train, config, source, run_dir)
    with cpu_processes(config.device.started, others):
        return _train(config, source, run_dir, listen, told)


def _train(
    config: TrainingConfig,
    source: Path | DataSource,
    run_dir: Path,
    listen: Callable[[StepReport], Any] = lambda _: None,
    told: Callable[[LeftOut], Any] = lambda _: None,
) -> dict[str, Any]:
    data = load_training_set(source, config.data)
    stores, damaged = _stores(data, config)
    told(data.left_out + damaged)
    budget = config.budget
    options = config.device.options(budget.validate_every, budget.checkpoint_every, budget.patience)
    recipe = SiameseRecipe(config, data, stores)
    return loop.run(recipe, record_of(config, data, damaged), run_dir, options, listen)


def record_of(config: TrainingConfig, data: TrainingSet, damaged: LeftOut) -> RunDescription:
    """Return what a run is made of."""
    return RunDescription(
        recipe=config.recipe,
        settings=config.model_dump(mode="json"),
        digest=config.digest(),
        lineage=_lineage(config),
        seed=config.seed,
        data={
            "fingerprint": data.fingerprint,
            "classes": list(data.classes),
            "images": data.counts(),
            "left_out": (data.left_out + damaged).report(),
        },
    )


def _lineage(config: TrainingConfig) -> str:
    """Digest all but how long the run lasts: it may be extended."""
    return config.digest(without=("budget",))


def load_best(run_dir: Path, config: TrainingConfig) -> SiameseNetwork:
    """Return a run's network with the weights of its best validation.

    Raises:
        ConfigError: no run is recorded there.
        ModelError: the folder's weights are missing, damaged, or of another run.

    """
    folder = RunFolder(run_dir)
    network = build_siamese(config.network.model_copy(update={"weights": "none"}))
    load_weights(network, folder.best, folder.identity(_lineage(config)))
    return network.eval()


def store_of(
    files: tuple[ImageFile, ...], modality: Modality, config: TrainingConfig
) -> tuple[ImageStore, tuple[ImageFile, ...]]:
    """Return the images of one modality for a configuration's network, and damaged files."""
    prepared = preprocessing(config.network, config.data.size, modality)
    return ImageStore.of_whole(files, prepared, config.data.cache_bytes)


def _stores(data: TrainingSet, config: TrainingConfig) -> tuple[Stores, LeftOut]:
    stores = {}
    damaged: set[ImageFile] = set()
    for modality in Modality:
        for split in ("train", "val"):
            files = data.of(modality, split)
            if (modality, split) == (Modality.PHOTO, "val"):
                files = filled_up(files, data.of(modality, "train"))
            store, broken = store_of(files, modality, config)
            damaged.update(broken)
            if not store.files:
                raise DataError(f"the {split} split holds no {modality} that decodes")
            stores[modality, split] = store
    return stores, LeftOut.because("damaged", sorted(damaged, key=lambda file: file.place))
