"""A study: experiments trained and models measured on one data set, each of them once."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact
from sketchzoo_training.data import DataError, DataSource, load_training_set
from sketchzoo_training.engine.report import StepReport
from sketchzoo_training.errors import ConfigError, DivergedError
from sketchzoo_training.models.export import ParityError
from sketchzoo_training.recipes.siamese.config import DataConfig
from sketchzoo_training.recipes.siamese.finish import export_run
from sketchzoo_training.recipes.siamese.trainer import train
from sketchzoo_training.study.experiments import Experiment
from sketchzoo_training.study.measurement import as_trained, measure, p_at_12
from sketchzoo_training.study.results import Identity, Result, Results
from sketchzoo_training.study.scatter import Scatter

Classes = tuple[str, ...]
PAPER = 2
"""How many values of an embedding paper can show."""


class Study:
    """Rows in a folder; what it holds of the same data and recipe is not done again.

    `data` is the whole data set; an experiment may ask for some of its classes.
    """

    def __init__(
        self, out: Path, source: Path | DataSource, experiments: Sequence[Experiment]
    ) -> None:
        """List the data, and see that every experiment fits them before any is run.

        Raises:
            DataError: the data cannot be used, or lack an experiment's classes.
            ConfigError: the experiments do not share a test split, or the folder's rows
                cannot be read.

        """
        seeds = {one.config.data.split_seed for one in experiments} or {0}
        if len(seeds) > 1:
            raise ConfigError(
                f"data.split_seed is {' and '.join(map(str, sorted(seeds)))}: a study asks one "
                "test split, so all its experiments need the same"
            )
        self.out = out
        self._source = source
        self.data = load_training_set(source, DataConfig(split_seed=seeds.pop()))
        self._classes = {one.recipe: self._classes_of(one) for one in experiments}
        out.mkdir(parents=True, exist_ok=True)
        self._results = Results(out)

    @property
    def rows(self) -> list[Result]:
        """The rows of this data set."""
        return [row for row in self._results.read() if row.data == self.data.fingerprint]

    @property
    def others(self) -> list[Result]:
        """The folder's rows of other data, which compare with nothing here."""
        return [row for row in self._results.read() if row.data != self.data.fingerprint]

    @property
    def class_sets(self) -> list[Classes]:
        """The classes that experiments and rows ask for, most first; all where there are none."""
        asked = {*self._classes.values(), *(row.classes for row in self.rows)}
        return sorted(asked or {self.data.classes}, key=lambda classes: (-len(classes), classes))

    def scatters(self) -> dict[Identity, Scatter]:
        """Return what this data set's runs of two values kept, by their rows."""
        found = {}
        for row in self.rows:
            if row.dimension == PAPER and row.steps:
                kept = Scatter.load((self.out / row.model).parent)
                if kept is not None:
                    found[row.identity] = kept
        return found

    def train(self, experiment: Experiment, listen: Callable[[StepReport], Any]) -> Result:
        """Train (or go on, or take what is there), export, measure; returns the row.

        A run that diverges, or whose network gives no embeddings, is a row that says so.
        """
        config, classes = experiment.config, self._classes[experiment.recipe]
        done = self._done(experiment.recipe, classes)
        if done is not None:
            return done
        folder = f"{experiment.folder}-{self.data.fingerprint[:6]}"
        run_dir = self.out / "runs" / folder
        row = partial(
            Result,
            name=experiment.name,
            data=self.data.fingerprint,
            recipe=experiment.recipe,
            changes=experiment.changes,
            classes=classes,
            loss=config.loss.name,
            backbone=config.network.backbone,
            size=config.data.size,
            dimension=config.network.dimension,
        )
        try:
            trained = train(config, self._source, run_dir, listen=listen)
            artefact = export_run(config, run_dir)
        except (DivergedError, ParityError) as error:
            return self._keep(row(model="", failure=str(error)))
        measured, test = measure(
            artefact,
            self.data,
            classes,
            self._known_time(config.network.backbone, config.data.size),
        )
        if config.distance == "euclidean" or config.network.dimension == PAPER:
            found, photos, sketches = as_trained(config, run_dir, test)
            if config.distance == "euclidean":
                measured = replace(measured, euclidean=p_at_12(found))
            if config.network.dimension == PAPER:
                names = tuple(file.class_name for file in (*found.gallery, *found.queries))
                Scatter(np.concatenate([photos, sketches]), names, len(photos)).save(run_dir)
        return self._keep(
            row(
                model=f"runs/{folder}/model",
                steps=trained["steps"],
                cpu_minutes=round(trained["cpu_seconds"] / 60, 1),
                measured=measured,
            )
        )

    def measure(self, model: str, classes: Classes) -> Result:
        """Measure a finished model beside the runs, on some classes."""
        artefact = ModelArtefact.load(model)
        done = self._done(artefact.fingerprint, classes)
        if done is not None:
            return done
        tower = artefact.towers[Modality.SKETCH]
        names = {each.name for each in artefact.towers.values()}
        measured, _ = measure(artefact, self.data, classes)
        return self._keep(
            Result(
                name=artefact.name,
                data=self.data.fingerprint,
                recipe=artefact.fingerprint,
                changes=(),
                classes=classes,
                loss="towers" if len(names) > 1 else "one network",
                backbone=str(tower.network.get("backbone", "")),
                size=tower.preprocessing.size,
                dimension=artefact.dimension,
                model=model,
                measured=measured,
            )
        )

    def _classes_of(self, experiment: Experiment) -> Classes:
        try:
            return load_training_set(self._source, experiment.config.data).classes
        except DataError as error:
            raise DataError(
                f"{experiment.name}: {error} (--set 'data.classes=[]' takes all that are there)"
                if experiment.config.data.classes
                else f"{experiment.name}: {error}"
            ) from error

    def _done(self, recipe: str, classes: Classes) -> Result | None:
        identity = (self.data.fingerprint, recipe, classes)
        return next((row for row in self.rows if row.identity == identity), None)

    def _known_time(self, backbone: str, size: int) -> float | None:
        """Return a network's time where a run of the same one was timed: heads weigh nothing."""
        return next(
            (
                row.measured.milliseconds
                for row in self._results.read()
                if row.measured and row.steps and (row.backbone, row.size) == (backbone, size)
            ),
            None,
        )

    def _keep(self, row: Result) -> Result:
        self._results.add(row)
        return row
