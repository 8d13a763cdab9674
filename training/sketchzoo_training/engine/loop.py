"""The loop: a recipe in, a run's folder with the trained weights out.

It may be killed at any moment: started again on the same folder it goes on from the last
checkpoint and, on the CPU with as many threads and processes, computes the very losses that
it would have computed. Device, mixed precision and the mean of gradients over processes are
accelerate's business, the running average timm's.
"""

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from timm.utils.model_ema import ModelEmaV3
from torch import Tensor, nn

from sketchzoo.towers import save_weights
from sketchzoo_training.engine.checkpoint import (
    Progress,
    TrainState,
    load_checkpoint,
    save_checkpoint,
)
from sketchzoo_training.engine.curves import Curves
from sketchzoo_training.engine.memory import told_of_lack
from sketchzoo_training.engine.norms import share_statistics
from sketchzoo_training.engine.options import Options
from sketchzoo_training.engine.processes import Share, gather
from sketchzoo_training.engine.recipe import B, Recipe, RunDescription
from sketchzoo_training.engine.report import StepReport
from sketchzoo_training.engine.run_folder import RunFolder, write_json
from sketchzoo_training.errors import DivergedError

Listener = Callable[[StepReport], Any]
_ADVICE = "lower the size of a batch or of the images"


def run(
    recipe: Recipe[B],
    record: RunDescription,
    run_dir: Path,
    options: Options,
    listen: Listener = lambda _: None,
) -> dict[str, Any]:
    """Train, or go on where a killed run stopped; return what `result.json` holds.

    A finished run of fewer steps is extended, with the rates of the longer schedule.

    Raises:
        training.errors.ConfigError: the folder's run is of other settings or other data, or
            memory does not suffice.
        training.errors.DivergedError: the loss is no number any more.

    """
    folder = RunFolder(run_dir)
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    with told_of_lack(_ADVICE):
        loop = _Loop.start(recipe, record, folder, options, listen)
        try:
            loop.steps()
        finally:
            loop.close()
    return loop.result()


@dataclass(slots=True)
class _Loop(Generic[B]):
    """All that one run holds in its hands."""

    recipe: Recipe[B]
    record: RunDescription
    folder: RunFolder
    options: Options
    listen: Listener = field(repr=False)
    accelerator: Accelerator
    share: Share
    network: nn.Module  # as accelerate prepared it
    average: ModelEmaV3 | None
    parts: TrainState
    progress: Progress
    curves: Curves | None
    unread: list[tuple[Tensor, float]] = field(default_factory=list)

    @classmethod
    def start(
        cls,
        recipe: Recipe[B],
        record: RunDescription,
        folder: RunFolder,
        options: Options,
        listen: Listener,
    ) -> "_Loop[B]":
        """Build the run's parts and put them where its checkpoint left them."""
        accelerator = _accelerator(options)
        share = Share.current()
        torch.manual_seed(recipe.seed)
        network = recipe.network()
        criterion = recipe.criterion()
        if share.size > 1:
            network = share_statistics(network, accelerator.device)
        network, criterion = network.to(accelerator.device), criterion.to(accelerator.device)
        optimiser = recipe.optimiser(network, criterion)
        for group in optimiser.param_groups:
            group["initial_lr"] = group["lr"]
        average = None
        if recipe.averaging is not None:
            # The warm-up forgets the beginning: of few steps the mean is of few.
            average = ModelEmaV3(network, recipe.averaging, use_warmup=True, warmup_power=0.9)
        parts = TrainState(network, average, criterion, optimiser, accelerator.scaler)
        progress = Progress()
        if folder.checkpoint.exists():
            told = folder.differences(record)
            progress = load_checkpoint(folder.checkpoint, parts, record.identity, told)
        prepared, optimiser = accelerator.prepare(network, optimiser)
        curves = None
        if accelerator.is_main_process:
            folder.record(record, recipe.steps)
            curves = Curves(folder.path, recipe.figures, record, progress.step)
        return cls(
            recipe=recipe,
            record=record,
            folder=folder,
            options=options,
            listen=listen if accelerator.is_main_process else lambda _: None,
            accelerator=accelerator,
            share=share,
            network=prepared,
            average=average,
            parts=parts._replace(optimiser=optimiser),
            progress=progress,
            curves=curves,
        )

    def steps(self) -> None:
        """Take the steps that are left."""
        recipe, device = self.recipe, self.accelerator.device
        left = range(self.progress.step, recipe.steps)
        clock = _Clock(self.progress)
        if not left or self._finished() or self._stale():
            return
        self.folder.result.unlink(missing_ok=True)
        for step, batch in zip(left, recipe.batches(left, self.share, device), strict=True):
            self._step(step, batch)
            done = step + 1
            self.progress = self.progress._replace(step=done)
            if self._due(self.options.read_every):
                self._read()
            stopping = self._due(self.options.validate_every) and self._validate()
            if stopping or self._due(self.options.checkpoint_every):
                self._read()
                self.progress = clock.read(self.progress)
                self._save(last=stopping or done == recipe.steps)
            if stopping:
                break
        # What follows reads the weights, in every process.
        self.accelerator.wait_for_everyone()

    def _finished(self) -> bool:
        """Tell whether this very run was complete; one of another length is extended."""
        if not self.folder.result.exists():
            return False
        return bool(json.loads(self.folder.result.read_text())["digest"] == self.record.digest)

    def _stale(self) -> bool:
        """Tell whether as many validations as one waits for brought nothing better."""
        patience = self.options.patience
        return patience is not None and self.progress.stale >= patience

    def result(self) -> dict[str, Any]:
        """Return what the run came to; written when it is complete."""
        if self.folder.result.exists():
            done: dict[str, Any] = json.loads(self.folder.result.read_text())
            return done
        result = {
            "steps": self.progress.step,
            "digest": self.record.digest,
            "best_step": self.progress.best_step,
            "best_score": self.progress.best,
            "seconds": round(self.progress.seconds, 1),
            "cpu_seconds": round(self.progress.cpu_seconds, 1),
        }
        if self.accelerator.is_main_process:
            write_json(self.folder.result, result)
        return result

    def close(self) -> None:
        """Close what is open."""
        if self.curves is not None:
            self.curves.close()

    def _due(self, every: int) -> bool:
        return self.progress.step % every == 0 or self.progress.step == self.recipe.steps

    def _step(self, step: int, batch: B) -> None:
        # All dice follow from the step, so that a resumed run throws the same.
        torch.manual_seed((self.recipe.seed << 32) + step)
        share_of_rate = self.recipe.rate(step)
        optimiser = self.parts.optimiser
        for group in optimiser.param_groups:
            group["lr"] = group["initial_lr"] * share_of_rate
        self.network.train()
        with self.accelerator.autocast():
            own = self.recipe.outputs(self.network, batch)
        outputs = tuple(
            gather(part.to(torch.promote_types(part.dtype, torch.float32)), whole, self.share)
            for part, whole in zip(own, batch.sizes, strict=True)
        )
        loss = self.recipe.loss(self.parts.criterion, outputs, batch)
        optimiser.zero_grad(set_to_none=True)
        self.accelerator.backward(loss)
        optimiser.step()
        if self.average is not None:
            self.average.update(self.parts.network, step)
        self.unread.append((loss.detach(), optimiser.param_groups[0]["lr"]))

    def _read(self) -> None:
        """Read the losses from the device; stop at the first that is no number."""
        if not self.unread:
            return
        losses = torch.stack([loss for loss, _ in self.unread]).tolist()
        first = self.progress.step - len(losses) + 1
        finite = next((n for n, loss in enumerate(losses) if not math.isfinite(loss)), None)
        if self.curves is not None:
            rates = [rate for _, rate in self.unread]
            self.curves.losses(first, losses[:finite], rates[:finite])
        self.unread.clear()
        if finite is not None:
            # Before it reaches a checkpoint. All processes have the same loss and stop here.
            raise DivergedError(first + finite - 1, losses[finite])
        self.listen(StepReport(self.progress.step, self.recipe.steps, losses[-1]))

    def _measured(self) -> nn.Module:
        """Return the network that is measured and kept: the average, if there is one."""
        return self.parts.network if self.average is None else self.average.module

    def _validate(self) -> bool:
        """Measure the network; keep the best weights; tell whether it is time to stop."""
        self._read()
        stop = torch.zeros((), device=self.accelerator.device)
        if self.curves is not None:
            network = self._measured().eval()
            found = self.recipe.validate(network, self.parts.criterion, self.accelerator.device)
            self.curves.validation(self.progress.step, found)
            if found.score is not None and found.score > self.progress.best:
                save_weights(network, self.folder.best, self.record.identity)
                self.progress = self.progress._replace(
                    best=found.score, best_step=self.progress.step, stale=0
                )
            else:
                self.progress = self.progress._replace(stale=self.progress.stale + 1)
            self.listen(
                StepReport(self.progress.step, self.recipe.steps, None, found.figures, found.score)
            )
            stop += self._stale()
        # The others wait here for the one that measures.
        return bool(self.accelerator.reduce(stop, "sum").item())

    def _save(self, *, last: bool) -> None:
        if self.accelerator.is_main_process:
            if last:
                # Before the checkpoint: killed between both, the last steps are taken again.
                save_weights(self._measured(), self.folder.last, self.record.identity)
            save_checkpoint(self.folder.checkpoint, self.parts, self.progress, self.record.identity)


def _accelerator(options: Options) -> Accelerator:
    # The last run of this process may have been of another device, precision or group.
    AcceleratorState._reset_state(reset_partial_state=True)  # noqa: SLF001 - accelerate's own way
    cpu = options.device == "cpu" or not torch.cuda.is_available()
    precision = options.precision
    if precision == "auto":
        precision = "no" if cpu else "bf16"
    return Accelerator(cpu=cpu, mixed_precision=precision)


class _Clock:
    """Time spent on a run so far, over all the times it was started."""

    def __init__(self, progress: Progress) -> None:
        self._wall = progress.seconds - time.monotonic()
        self._cpu = progress.cpu_seconds - time.process_time()

    def read(self, progress: Progress) -> Progress:
        return progress._replace(
            seconds=self._wall + time.monotonic(), cpu_seconds=self._cpu + time.process_time()
        )
