"""What follows a training run: its best weights as a model artefact."""

import json
from pathlib import Path

from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact, RunRecord, TowerConfig
from sketchzoo.towers import build_tower
from sketchzoo_training.models.export import export_artefact
from sketchzoo_training.models.siamese import describe, preprocessing
from sketchzoo_training.recipes.siamese.config import TrainingConfig
from sketchzoo_training.recipes.siamese.trainer import load_best


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
    recorded = json.loads((run_dir / "run.json").read_text())
    return export_artefact(
        run_dir / "model",
        run_dir.name,
        towers,
        run=RunRecord(
            config.recipe,
            recorded["config_digest"],
            recorded["data"]["fingerprint"],
            config.seed,
            config.budget.steps,
        ),
        classes=tuple(recorded["data"]["classes"]),
        notes={"trained_distance": config.distance},
    )
