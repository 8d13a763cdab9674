"""What `sketchzoo train` does: read the configuration, train, export."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, TextColumn
from rich.table import Table

from sketchzoo.cli.tables import show
from sketchzoo_training.data import DataSource, LeftOut
from sketchzoo_training.engine.report import StepReport
from sketchzoo_training.errors import ConfigError
from sketchzoo_training.recipes.settings import (
    apply_change,
    preset_names,
    read_preset,
    read_toml,
)

RECIPES = ("siamese", "towers", "joint")


@dataclass(frozen=True, slots=True)
class TrainRequest:
    """What to train: a preset's name or a TOML file, with changes, on which data, where."""

    data: DataSource
    preset: str | None
    config: Path | None
    run_dir: Path | None
    changes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.preset is None) == (self.config is None):
            raise ConfigError("give a preset or a configuration file, one of them")

    @property
    def name(self) -> str:
        """What the run is called."""
        return self.preset or Path(str(self.config)).stem

    @property
    def folder(self) -> Path:
        """The run's folder; the preset's name chooses it where none is given."""
        return self.run_dir or Path("runs") / self.name.replace("/", "-")


def show_presets() -> None:
    """Print the presets with what each is about."""
    table = Table("preset", "about")
    for name in preset_names():
        table.add_row(name, read_preset(name).get("about", ""))
    show(Console(), table)


def run(order: TrainRequest) -> None:
    """Train as ordered and export the weights: the towers' into `RUN/zoo-1`, else `RUN/model`.

    Raises:
        training.errors.InputError: configuration, data or folder do not fit.

    """
    values = read_preset(order.preset) if order.preset else read_toml(Path(str(order.config)))
    for change in order.changes:
        apply_change(values, change)
    train = _trainer(values.get("recipe", "siamese"))
    console = Console(stderr=True)
    columns = (*Progress.get_default_columns(), TextColumn("{task.fields[figures]}"))
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(order.name, total=None, figures="", visible=False)

        def listen(report: StepReport) -> None:
            if report.loss is not None:
                said = f"loss {report.loss:.4f}"
                progress.update(
                    task, total=report.steps, completed=report.step, figures=said, visible=True
                )
                return
            figures = " ".join(f"{name} {value:.4f}" for name, value in report.figures.items())
            console.print(f"step {report.step}: {figures}", soft_wrap=True, highlight=False)

        def told(left_out: LeftOut) -> None:
            if left_out:
                show(console, left_out.table())

        ended = train(values, order.name, order.data, order.folder, listen=listen, told=told)
    if ended:
        console.print(ended, soft_wrap=True, highlight=False)


def _trainer(recipe: str) -> Callable[..., str | None]:
    """Return what trains and exports by a recipe, and says in a line what came of it.

    Raises:
        ConfigError: there is no such recipe.

    """
    # torch takes seconds to load: after the settings have been read
    if recipe == "siamese":
        from sketchzoo_training.recipes.siamese.finish import train_and_export  # noqa: PLC0415

        return train_and_export
    if recipe == "towers":
        from sketchzoo_training.recipes.towers.run import train_and_export as towers  # noqa: PLC0415

        return towers
    if recipe == "joint":
        from sketchzoo_training.recipes.joint.run import train_and_export as joint  # noqa: PLC0415

        return joint
    raise ConfigError(f"recipe must be {' or '.join(RECIPES)}, not {recipe!r}")
