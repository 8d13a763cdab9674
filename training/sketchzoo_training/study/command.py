"""What `sketchzoo study` does: train, measure, draw, name the model to ship."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, TextColumn

from sketchzoo.cli.tables import show
from sketchzoo.files import write_atomically
from sketchzoo_training.data import DataSource
from sketchzoo_training.engine.memory import told_of_lack
from sketchzoo_training.engine.report import StepReport
from sketchzoo_training.errors import ConfigError, InputError
from sketchzoo_training.study.charts import write_charts
from sketchzoo_training.study.choice import choose
from sketchzoo_training.study.experiments import Experiment, chosen_experiments
from sketchzoo_training.study.results import Result
from sketchzoo_training.study.study import Study
from sketchzoo_training.study.table import table

FRONT_MILLISECONDS = 13.2
"""1.1 x EfficientNet-Lite0 at 224 px, 12.0 ms on the machine of the facts."""


@dataclass(frozen=True, slots=True)
class StudyOrder:
    """What to train with which changes, which finished models to measure, on what data, where.

    `patterns` choose presets that ship, or (ending in `.toml`) files; `changes` are
    `TABLE.FIELD=VALUE` and go to all of them and of `configs`.
    """

    source: Path | DataSource
    out: Path
    patterns: Sequence[str] = ()
    configs: Sequence[Path] = ()
    changes: Sequence[str] = ()
    models: Sequence[str] = ()
    most_milliseconds: float = FRONT_MILLISECONDS

    def __post_init__(self) -> None:
        if not (self.patterns or self.configs or self.models):
            raise ConfigError("give at least one --preset, --config or --model")
        if self.most_milliseconds <= 0:
            raise ConfigError(f"most_milliseconds must be above 0, not {self.most_milliseconds}")


def run(order: StudyOrder) -> bool:
    """Run the study; returns whether everything that was ordered has figures.

    Raises:
        sketchzoo_training.errors.InputError: a preset, the data or a model does not fit.

    """
    console = Console(stderr=True)
    experiments = chosen_experiments(order.patterns, order.configs, order.changes)
    study = Study(order.out, order.source, experiments)
    if study.data.left_out:
        show(console, study.data.left_out.table())
    whole = True
    columns = (*Progress.get_default_columns(), TextColumn("{task.fields[figures]}"))
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        for experiment in experiments:
            row = _trained(study, experiment, progress)
            whole = whole and row is not None and row.measured is not None
    for model in order.models:
        for asked in study.class_sets:
            console.print(_line(study.measure(model, asked)), soft_wrap=True)
    rows, classes = study.rows, study.class_sets
    path = order.out / "table.md"
    write_atomically(path, table(rows, classes))
    write_charts(rows, classes[0], study.scatters(), order.out, others=study.others)
    if study.others:
        console.print(
            f"left out: {len(study.others)} rows of {order.out / 'results.json'} are of other "
            f"data than {order.source}",
            soft_wrap=True,
        )
    chosen = choose(rows, classes[0], most_milliseconds=order.most_milliseconds)
    if chosen is not None:
        console.print(str(chosen), soft_wrap=True)
    Console().print(str(path), soft_wrap=True)
    return whole


def _trained(study: Study, experiment: Experiment, progress: Progress) -> Result | None:
    """Train one experiment, and say what it gave; None where it could not run here.

    That is no row: with more memory, or with weights that can be had, it may do.
    """
    task = progress.add_task(experiment.name, total=None, figures="")

    def listen(report: StepReport) -> None:
        if report.loss is not None:
            text = f"loss {report.loss:.3f}"
            progress.update(task, total=report.steps, completed=report.step, figures=text)

    row = None
    try:
        with told_of_lack("smaller sampling.*, data.size or data.cache_bytes need less"):
            row = study.train(experiment, listen)
        told = _line(row)
    except InputError as error:
        told = f"{experiment.name}: {error}"
    progress.remove_task(task)
    progress.console.print(told, soft_wrap=True)
    return row


def _line(row: Result) -> str:
    if row.measured is None:
        return f"{row.name}: {row.failure}"
    by_euclid = f", {row.measured.euclidean} by Euclid" if row.measured.euclidean else ""
    spent = f", {row.steps} steps, {row.cpu_minutes} CPU minutes" if row.steps else ""
    return (
        f"{row.name}: test P@12 {row.measured.p_at_12} by cosine{by_euclid}, "
        f"{len(row.classes)} classes{spent}, {row.model}"
    )
