"""What `sketchzoo study` does: train the presets, measure, draw, name the model to ship."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress, TextColumn

from sketchzoo_training.engine.report import Report
from sketchzoo_training.errors import ConfigError
from sketchzoo_training.study.charts import write_charts
from sketchzoo_training.study.experiments import Study, chosen_presets, ship
from sketchzoo_training.study.table import table

FRONT_MILLISECONDS = 13.2
"""1.1 x EfficientNet-Lite0 at 224 px, 12.0 ms on the machine of the facts."""


@dataclass(frozen=True, slots=True)
class StudyOrder:
    """Which presets to train and which finished models to measure, on what data, where."""

    data_dir: Path
    out: Path
    patterns: Sequence[str]
    models: Sequence[str] = ()
    most_milliseconds: float = FRONT_MILLISECONDS
    changes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.patterns and not self.models:
            raise ConfigError("give at least one --preset or --model")
        if self.most_milliseconds <= 0:
            raise ConfigError(f"most_milliseconds must be above 0, not {self.most_milliseconds}")


def run(order: StudyOrder) -> None:
    """Run the study; what a folder already holds is not run again.

    Raises:
        training.errors.InputError: a preset, the data or a model does not fit.

    """
    console = Console(stderr=True)
    presets = chosen_presets(order.patterns)
    study = Study(order.out, order.data_dir)
    columns = (*Progress.get_default_columns(), TextColumn("{task.fields[figures]}"))
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        for preset in presets:
            task = progress.add_task(preset, total=None, figures="")

            def listen(report: Report, task: Any = task) -> None:
                text = f"loss {report.loss:.3f}"
                progress.update(task, total=report.steps, completed=report.step, figures=text)

            study.run(preset, changes=order.changes, listen=listen)
            progress.remove_task(task)
            console.print(_line(study, preset), soft_wrap=True)
    for model in order.models:
        study.measure_model(model)
    results = study.results
    (order.out / "table.md").write_text(table(results))
    write_charts(results, study.scatters(), order.out)
    chosen = ship(results, most_milliseconds=order.most_milliseconds)
    if chosen is not None:
        console.print(
            f"to ship: {chosen.name} (val P@12 {chosen.validation:.3f}, "
            f"{chosen.milliseconds:.1f} ms, {chosen.megabytes:.1f} MB)",
            soft_wrap=True,
        )
    Console().print(str(order.out / "table.md"), soft_wrap=True)


def _line(study: Study, preset: str) -> str:
    result = next(one for one in study.results if one.name == preset)
    return (
        f"{preset}: test P@12 {result.p_at_12:.3f} "
        f"({result.interval[0]:.3f} to {result.interval[1]:.3f}), "
        f"{result.steps} steps, {result.cpu_minutes} CPU minutes"
    )
