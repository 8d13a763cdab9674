"""What follows a training run: its best weights as a model artefact."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact, RunRecord
from sketchzoo.tower_config import TowerConfig
from sketchzoo.towers import build_tower
from sketchzoo_training.data import DataSource, LeftOut
from sketchzoo_training.engine.processes import Share
from sketchzoo_training.engine.report import StepReport
from sketchzoo_training.engine.run_folder import RunFolder
from sketchzoo_training.models.export import export_artefact
from sketchzoo_training.models.siamese import describe, preprocessing
from sketchzoo_training.recipes.siamese.config import TrainingConfig, parse_config
from sketchzoo_training.recipes.siamese.trainer import load_best, train


def export_run(config: TrainingConfig, run_dir: Path) -> ModelArtefact:
    """Export a run's best weights into `RUN/model`, one network for both modalities.

    Services compare by cosine, so embeddings are put on the unit sphere; for a network
    that was trained with euclidean distances on free embeddings (the study's) that is
    another ranking, and `notes` says so.
    """
    described = describe(config.network.model_copy(update={"normalise": True}))
    net = build_tower(described)
    net.load_state_dict(load_best(run_dir, config).tower.state_dict())
    prepared = {m: preprocessing(config.network, config.data.size, m) for m in Modality}
    towers = {m: (TowerConfig(str(m), prepared[m], described, "siamese"), net) for m in Modality}
    folder = RunFolder(run_dir)
    return export_artefact(
        run_dir / "model",
        run_dir.name,
        towers,
        run=RunRecord(
            recipe=config.recipe,
            digest=config.digest(),
            data=folder.fingerprint,
            seed=config.seed,
            steps=config.budget.steps,
        ),
        classes=folder.classes,
        notes={"trained_distance": config.distance},
    )


def train_and_export(
    values: dict[str, Any],
    name: str,
    source: DataSource,
    run_dir: Path,
    *,
    listen: Callable[[StepReport], Any],
    told: Callable[[LeftOut], Any],
) -> str | None:
    """Train by a configuration and export; returns what came of it, in a line.

    Raises:
        training.errors.InputError: configuration, data or folder do not fit.

    """
    config = parse_config(values, name)
    result = train(config, source, run_dir, listen=listen, told=told)
    if Share.current().rank:
        return None  # one of several GPUs; the first exports
    artefact = export_run(config, run_dir)
    return (
        f"best validation p@12 by {config.distance} distance {result['best_score']:.3f} "
        f"at step {result['best_step']}; "
        f"model: {artefact.folder}"
    )
