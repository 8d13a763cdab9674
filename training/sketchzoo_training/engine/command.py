"""What `sketchzoo train` does: read the configuration, train, export."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress, TextColumn
from rich.table import Table

from sketchzoo.cli.tables import show
from sketchzoo_training.errors import ConfigError
from sketchzoo_training.recipes.siamese.config import (
    apply_change,
    parse_config,
    preset_names,
    read_preset,
    read_toml,
)


@dataclass(frozen=True, slots=True)
class Order:
    """What to train: a preset's name or a TOML file, with changes, on which data, where."""

    data_dir: Path
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


def run(order: Order) -> None:
    """Train as ordered and export the best weights: the towers' into `RUN/zoo-1`, else `RUN/model`.

    Raises:
        training.errors.InputError: configuration, data or folder do not fit.

    """
    values = read_preset(order.preset) if order.preset else read_toml(Path(str(order.config)))
    for change in order.changes:
        apply_change(values, change)
    if values.get("recipe") == "towers":
        _train_towers(order, values)
        return
    _train_siamese(order, values)


def _train_towers(order: Order, values: dict[str, Any]) -> None:
    from sketchzoo_training.engine.report import Report  # noqa: PLC0415 - torch takes seconds to load
    from sketchzoo_training.recipes.towers import train_zoo  # noqa: PLC0415 - torch takes seconds to load

    console = Console(stderr=True)
    columns = (*Progress.get_default_columns(), TextColumn("{task.fields[figures]}"))
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(order.name, total=None, figures="", visible=False)

        def listen(report: Report) -> None:
            said = f"loss {report.loss:.3f}"
            progress.update(
                task, total=report.steps, completed=report.step, figures=said, visible=True
            )

        artefact = train_zoo(values, order.data_dir, order.folder, listen=listen)
    console.print(f"model: {artefact.folder}", soft_wrap=True)


def _train_siamese(order: Order, values: dict[str, Any]) -> None:
    config = parse_config(values, order.name)
    from accelerate import PartialState  # noqa: PLC0415 - torch takes seconds to load

    from sketchzoo_training.engine.report import Report  # noqa: PLC0415 - torch takes seconds to load
    from sketchzoo_training.recipes.siamese.finish import export_run  # noqa: PLC0415 - torch takes seconds to load
    from sketchzoo_training.recipes.siamese.trainer import train  # noqa: PLC0415 - torch takes seconds to load

    console = Console(stderr=True)
    columns = (*Progress.get_default_columns(), TextColumn("{task.fields[figures]}"))
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(order.name, total=config.budget.steps, figures="", visible=False)
        best = ""

        def listen(report: Report) -> None:
            nonlocal best
            if report.p_at_12 is not None:
                best = f" best p@12 {report.p_at_12:.3f}"
                if not console.is_terminal:
                    console.print(f"step {report.step}: loss {report.loss:.4f}{best}")
            said = f"loss {report.loss:.4f}{best}"
            progress.update(task, completed=report.step, figures=said, visible=True)

        result = train(config, order.data_dir, order.folder, listen=listen)
    if not PartialState().is_main_process:
        return  # one of several GPUs; the main one exports
    artefact = export_run(config, order.folder)
    console.print(
        f"best validation p@12 {result['validation_p@12']:.3f} at step {result['best_step']}; "
        f"model: {artefact.folder}",
        soft_wrap=True,
    )
