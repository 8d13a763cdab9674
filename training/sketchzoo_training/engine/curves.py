"""Curves: losses and validations as rows of CSV files and as TensorBoard's events."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch.utils.tensorboard import SummaryWriter

from sketchzoo.files import write_atomically
from sketchzoo_training.engine.recipe import RunRecord, Validation


class Rows:
    """A CSV file that grows; reopened at a step, later rows are dropped."""

    def __init__(self, path: Path, columns: Sequence[str], *, upto: int) -> None:
        """Open `path`, keeping the rows whose first column, a step, is at most `upto`."""
        kept: list[list[str]] = []
        if path.exists():
            with path.open(newline="") as file:
                rows = list(csv.reader(file))[1:]
            # A row cut off by a kill has no end and is dropped with its like.
            kept = [row for row in rows if len(row) == len(columns) and int(row[0]) <= upto]
        lines = [",".join(row) + "\n" for row in ([*columns], *kept)]
        write_atomically(path, "".join(lines))
        self._file = path.open("a", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")

    def add(self, *values: float | str) -> None:
        """Append a row; floats are written so that they read back the same."""
        self._writer.writerow(values)

    def flush(self) -> None:
        """Let readers see what was added."""
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Curves:
    """What a run measures, from step `done` on; what was told of later steps is dropped.

    A step is counted from 1: what is told of step n is true when n steps have been taken.
    """

    def __init__(self, folder: Path, figures: Sequence[str], record: RunRecord, done: int) -> None:
        self._figures = tuple(figures)
        self._losses = Rows(folder / "losses.csv", ("step", "loss", "rate"), upto=done)
        self._validations = Rows(folder / "validation.csv", ("step", *figures), upto=done)
        self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=done + 1)
        if not done:
            settings = json.dumps(record.settings, indent=2, default=str)
            self._board.add_text("settings", f"```json\n{settings}\n```")

    def losses(self, first: int, losses: Sequence[float], rates: Sequence[float]) -> None:
        """Tell the losses of steps from `first` on, and the first learning rate at each."""
        for step, (loss, rate) in enumerate(zip(losses, rates, strict=True), start=first):
            self._losses.add(step, loss, rate)
            self._board.add_scalar("loss/train", loss, step)
            self._board.add_scalar("learning rate", rate, step)
        self._losses.flush()

    def validation(self, step: int, found: Validation) -> None:
        """Tell a validation's figures and show its sheet."""
        self._validations.add(step, *(found.figures.get(name, "") for name in self._figures))
        self._validations.flush()
        for name, value in found.figures.items():
            self._board.add_scalar("loss/val" if name == "loss" else f"val/{name}", value, step)
        if found.sheet is not None:
            self._board.add_image("hits", np.asarray(found.sheet), step, dataformats="HWC")

    def close(self) -> None:
        """Close the files."""
        self._losses.close()
        self._validations.close()
        self._board.close()
