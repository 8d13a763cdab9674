"""What `sketchzoo data inspect` does: look through, report, summarise."""

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from sketchzoo.cli.tables import show
from sketchzoo_training.data import DataSource
from sketchzoo_training.inspect.inspection import inspect
from sketchzoo_training.inspect.report import said, write_report


def run(source: DataSource, out: Path) -> None:
    """Inspect a data set and write its report into `out`.

    Raises:
        DataError: the source holds neither photos nor sketches.

    """
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("looking", total=None)

        def advance(total: int) -> None:
            if total:
                progress.update(task, total=total)
            else:
                progress.advance(task)

        inspection = inspect(source, advance=advance)
    page = write_report(inspection, out)
    console = Console()
    table = Table("", "", title=escape(str(source)), show_header=False)
    for name, value in inspection.summary().items():
        if name != "left_out":
            table.add_row(name.replace("_", " "), escape(said(value)))
    show(console, table)
    if inspection.left_out:
        show(console, inspection.left_out.table())
    console.print(f"report: {escape(str(page))}", soft_wrap=True)
