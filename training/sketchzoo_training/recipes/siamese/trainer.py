"""The trainer: a configuration and a data set in, a run folder with the best weights out.

It may be killed at any moment: started again on the same folder it goes on from the last
checkpoint and, on the CPU, computes the very losses it would have computed. Several GPUs
and mixed precision are accelerate's business (`accelerate launch -m sketchzoo train`).
"""

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch.optim import Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.tensorboard import SummaryWriter

from sketchzoo.images import Modality
from sketchzoo_training.data import (
    DataError,
    DataSource,
    ImageFile,
    LeftOut,
    TrainingSet,
    filled_up,
    load_training_set,
)
from sketchzoo_training.engine.checkpoint import (
    Parts,
    Progress,
    load_checkpoint,
    save_checkpoint,
    write_atomically,
)
from sketchzoo_training.engine.report import Report
from sketchzoo_training.engine.run_folder import Rows, RunFolder, write_json
from sketchzoo_training.errors import DivergedError
from sketchzoo_training.models.siamese import SiameseNetwork, build_siamese, preprocessing
from sketchzoo_training.recipes.siamese.batches import Batch, ImageStore, StepBatches, load_steps
from sketchzoo_training.recipes.siamese.config import OptimiserConfig, TrainingConfig
from sketchzoo_training.recipes.siamese.inference import retrieve
from sketchzoo_training.recipes.siamese.losses import make_loss
from sketchzoo_training.recipes.siamese.sampling import Labels, make_sampler


@dataclass(slots=True)
class _Run:
    """All that one run holds in its hands."""

    config: TrainingConfig
    data: TrainingSet
    folder: RunFolder
    accelerator: Accelerator
    parts: Parts
    progress: Progress
    stores: dict[tuple[Modality, str], ImageStore]
    identity: str
    losses: Rows
    validations: Rows
    curves: SummaryWriter | None
    listen: Callable[[Report], Any] = field(repr=False)


def train(
    config: TrainingConfig,
    data_dir: Path | DataSource,
    run_dir: Path,
    *,
    listen: Callable[[Report], Any] = lambda _: None,
) -> dict[str, Any]:
    """Train, or go on where a killed run stopped; return what `result.json` holds.

    Raises:
        training.errors.InputError: the data, the configuration or the folder's older run
            does not fit.
        training.errors.DivergedError: the loss is no number any more.

    """
    folder = RunFolder(run_dir)
    run = _prepare(config, data_dir, folder, listen)
    try:
        if folder.result.exists():
            done: dict[str, Any] = json.loads(folder.result.read_text())
            return done
        _steps(run)
    finally:
        run.losses.close()
        run.validations.close()
        if run.curves is not None:
            run.curves.close()
    result = {
        "steps": run.progress.step,
        "best_step": run.progress.best_step,
        "validation_p@12": run.progress.best,
        "seconds": round(run.progress.seconds, 1),
        "cpu_seconds": round(run.progress.cpu_seconds, 1),
    }
    if run.accelerator.is_main_process:
        write_json(folder.result, result)
    return result


def load_best(run_dir: Path, config: TrainingConfig) -> SiameseNetwork:
    """Return a run's network with the weights of its best validation."""
    network = build_siamese(config.network.model_copy(update={"weights": "none"}))
    network.load_state_dict(
        torch.load(RunFolder(run_dir).best, map_location="cpu", weights_only=True)
    )
    return network.eval()


def store_of(
    files: tuple[ImageFile, ...], modality: Modality, config: TrainingConfig
) -> tuple[ImageStore, tuple[ImageFile, ...]]:
    """Return the images of one modality for a configuration's network, and damaged files."""
    prepared = preprocessing(config.network, config.data.size, modality)
    return ImageStore.of_whole(files, prepared, config.data.cache_bytes)


def _prepare(
    config: TrainingConfig,
    data_dir: Path | DataSource,
    folder: RunFolder,
    listen: Callable[[Report], Any],
) -> _Run:
    if config.device.threads is not None:
        torch.set_num_threads(config.device.threads)
    accelerator = Accelerator(
        cpu=config.device.device == "cpu", mixed_precision=config.device.precision
    )
    data = load_training_set(data_dir, config.data)
    stores, damaged = _stores(data, config)
    torch.manual_seed(config.seed)
    network = build_siamese(config.network)
    loss = make_loss(config.loss, classes=len(data.classes), dimension=config.network.dimension)
    optimiser = _optimiser(network, loss, config.optimiser)
    schedule = LambdaLR(optimiser, _rate(config.optimiser, config.budget.steps))
    if any(True for _ in loss.parameters()):
        network, loss, optimiser = accelerator.prepare(network, loss, optimiser)
    else:
        network, optimiser = accelerator.prepare(network, optimiser)
    parts = Parts(network, loss, optimiser, schedule)
    identity = f"{config.digest()}-{data.fingerprint}"
    progress = Progress()
    if folder.checkpoint.exists():
        progress = load_checkpoint(
            folder.checkpoint, parts, identity, accelerator, folder.differences(config, data)
        )
    main = accelerator.is_main_process
    if main:
        folder.record(config, data, damaged)
    where = folder.path if main else folder.path / f"process-{accelerator.process_index}"
    where.mkdir(exist_ok=True)
    return _Run(
        config=config,
        data=data,
        folder=folder,
        accelerator=accelerator,
        parts=parts,
        progress=progress,
        stores=stores,
        identity=identity,
        losses=Rows(where / "losses.csv", ("step", "loss", "rate"), before=progress.step),
        validations=Rows(where / "validation.csv", ("step", "p@12"), before=progress.step + 1),
        curves=SummaryWriter(str(folder.path / "tensorboard"), purge_step=progress.step)
        if main
        else None,
        listen=listen if main else lambda _: None,
    )


def _stores(
    data: TrainingSet, config: TrainingConfig
) -> tuple[dict[tuple[Modality, str], ImageStore], LeftOut]:
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


def _optimiser(
    network: SiameseNetwork, loss: torch.nn.Module, config: OptimiserConfig
) -> Optimizer:
    head_rate = config.head_learning_rate or config.learning_rate
    groups: list[dict[str, Any]] = [
        {"params": [p for p in network.tower.backbone.parameters() if p.requires_grad]},
        {"params": [*network.tower.head.parameters(), *loss.parameters()], "lr": head_rate},
    ]
    kind = AdamW if config.name == "adamw" else Adam
    return kind(groups, lr=config.learning_rate, weight_decay=config.weight_decay)


def _rate(config: OptimiserConfig, steps: int) -> Callable[[int], float]:
    def factor(step: int) -> float:
        warm = min(1.0, (step + 1) / (config.warmup_steps + 1))
        if config.schedule == "constant":
            return warm
        return warm * 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))

    return factor


def _steps(run: _Run) -> None:
    config, accelerator = run.config, run.accelerator
    sketches = run.stores[Modality.SKETCH, "train"]
    photos = run.stores[Modality.PHOTO, "train"]
    labels = {name: label for label, name in enumerate(run.data.classes)}
    numbers = Labels(
        *(np.array([labels[file.class_name] for file in s.files]) for s in (sketches, photos))
    )
    process = accelerator.process_index
    sampler = make_sampler(
        config.sampling, config.loss.name, numbers, seed=config.seed, process=process
    )
    batches = StepBatches(
        sampler=sampler,
        sketches=sketches,
        photos=photos,
        labels=labels,
        augmentation=config.augmentation,
        seed=(config.seed, process),
    )
    clock = _Clock(run.progress)
    left = range(run.progress.step, config.budget.steps)
    for step, batch in zip(left, load_steps(batches, left, config.data.workers), strict=True):
        loss = _step(run, batch)
        run.losses.add(step, loss, float(run.parts.schedule.get_last_lr()[0]))
        if run.curves is not None:
            run.curves.add_scalar("loss", loss, step)
        run.progress = clock.read(run.progress._replace(step=step + 1))
        if _due(step + 1, config.budget.validate_every, config.budget.steps):
            _validate(run)
            run.listen(Report(step + 1, config.budget.steps, loss, run.progress.best))
        else:
            run.listen(Report(step + 1, config.budget.steps, loss))
        stopping = accelerator.check_trigger()
        if stopping or _due(step + 1, config.budget.checkpoint_every, config.budget.steps):
            _save(run)
        if stopping:
            return


class _Clock:
    """Time spent on a run so far, over all the times it was started."""

    def __init__(self, progress: Progress) -> None:
        self._wall = progress.seconds - time.monotonic()
        self._cpu = progress.cpu_seconds - time.process_time()

    def read(self, progress: Progress) -> Progress:
        return progress._replace(
            seconds=self._wall + time.monotonic(), cpu_seconds=self._cpu + time.process_time()
        )


def _step(run: _Run, batch: Batch) -> float:
    network, criterion, optimiser, schedule = run.parts
    device = run.accelerator.device
    sketches, photos, sketch_labels, photo_labels = (
        tensor.to(device, non_blocking=True) for tensor in batch
    )
    network.train()
    of_sketches, of_photos = network(sketches, photos)
    loss = criterion(of_sketches, of_photos, sketch_labels, photo_labels)
    shown = float(loss.detach())
    if not math.isfinite(shown):
        # Before it reaches the weights, which a checkpoint would keep.
        raise DivergedError(run.progress.step, shown)
    optimiser.zero_grad(set_to_none=True)
    run.accelerator.backward(loss)
    optimiser.step()
    schedule.step()
    return shown


def _validate(run: _Run) -> None:
    """Measure P@12 of the `val` split; keep the best weights; ask to stop when it is time.

    The `val` sketches ask for `val` photos, filled up with training photos to twelve a
    class: a class of two photos could never score more than 2/12.
    """
    run.accelerator.wait_for_everyone()
    if not run.accelerator.is_main_process:
        return
    network = run.accelerator.unwrap_model(run.parts.network)
    photos, sketches = run.stores[Modality.PHOTO, "val"], run.stores[Modality.SKETCH, "val"]
    evaluation, _, _ = retrieve(
        network, photos, sketches, run.config.distance, run.accelerator.device
    )
    value = evaluation.per_query.mean("p@12") or 0.0
    run.validations.add(run.progress.step, value)
    if run.curves is not None:
        run.curves.add_scalar("p@12", value, run.progress.step)
    if value > run.progress.best:
        write_atomically(run.folder.best, network.state_dict())
        run.progress = run.progress._replace(best=value, best_step=run.progress.step, stale=0)
    else:
        run.progress = run.progress._replace(stale=run.progress.stale + 1)
    patience = run.config.budget.patience
    if patience is not None and run.progress.stale >= patience:
        run.accelerator.set_trigger()


def _save(run: _Run) -> None:
    run.accelerator.wait_for_everyone()
    if run.accelerator.is_main_process:
        save_checkpoint(
            run.folder.checkpoint, run.parts, run.progress, run.identity, run.accelerator
        )


def _due(step: int, every: int, last: int) -> bool:
    return step % every == 0 or step == last
