"""What `sketchzoo data inspect` does: look through, report, summarise."""

from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from sketchzoo.cli.tables import show
from sketchzoo_training.inspect.inspection import inspect
from sketchzoo_training.inspect.report import write_report


def run(folder: Path, out: Path) -> None:
    """Inspect a data set and write its report into `out`.

    Raises:
        training.data.DataError: the folder holds neither photos nor sketches.

    """
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("looking", total=None)

        def advance(total: int) -> None:
            if total:
                progress.update(task, total=total)
            else:
                progress.advance(task)

        inspection = inspect(folder, advance=advance)
    page = write_report(inspection, out)
    console = Console()
    table = Table("", "", title=str(folder), show_header=False)
    for name, value in inspection.summary().items():
        table.add_row(name.replace("_", " "), str(value))
    show(console, table)
    console.print(f"report: {page}", soft_wrap=True)
