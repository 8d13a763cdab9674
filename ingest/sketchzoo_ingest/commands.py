"""The command `sketchzoo ingest`."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sketchzoo.cli.app import App
from sketchzoo.cli.options import (
    of_running_stack,
    output_file,
    output_file_or_stdout,
    with_settings,
)
from sketchzoo.cli.status import INTERRUPTED, UNUSABLE, end
from sketchzoo.files import write_atomically
from sketchzoo_ingest.settings import IngestSettings

if TYPE_CHECKING:
    from sketchzoo_ingest.report import Report

app = App()


@app.command()
@with_settings(IngestSettings)
def ingest(
    settings: IngestSettings,
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="A folder of photos, a table (.csv or .parquet with a column `path`, `url` or "
            "`uri`) or tar files (.tar, .tar.gz; a pattern names many), on this machine, in a "
            "bucket (s3://, gs://) or behind a url.",
        ),
    ],
    json: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            callback=output_file_or_stdout,
            envvar="SKETCHZOO_INGEST_JSON",
            help="Write the report as JSON to a file; `-` is stdout.",
        ),
    ] = None,
    errors_csv: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            callback=output_file,
            envvar="SKETCHZOO_INGEST_ERRORS_CSV",
            help="Write a line for each photo left out, with its reason.",
        ),
    ] = None,
) -> None:
    """Write a gallery's photos into Qdrant, and let search use them when all are there.

    Photos that are there already stay as they are: run it again after a change, a failure
    or a kill. Exit status: 0 done, refused photos are counted in the report; 2 wrong
    usage, nothing was done; 3 done, but more photos were refused than --max-bad allows,
    or none was found; 4 the encoder or Qdrant stayed away; 130 stopped by SIGTERM or
    Ctrl-C. After 3, 4 and 130 a new collection is not published: search keeps the old.
    """
    # Here, so that --help stays quick.
    from sketchzoo_ingest.bootstrap import run  # noqa: PLC0415
    from sketchzoo_ingest.priority import step_back  # noqa: PLC0415
    from sketchzoo_ingest.usage import UsageError  # noqa: PLC0415

    settings = of_running_stack(settings)
    step_back(settings.nice)
    try:
        with ExitStack() as files:
            errors = None
            if errors_csv is not None:
                errors = files.enter_context(errors_csv.open("w", newline="", encoding="utf-8"))
            report = run(settings, sources, errors)
    except UsageError as error:
        end("ingest", error, UNUSABLE)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    _print(report, settings.qdrant_url, to_stderr=json == "-")
    if json == "-":
        typer.echo(report.to_json())
    elif json is not None:
        write_atomically(Path(json), report.to_json() + "\n")
    raise typer.Exit(report.status)


def _print(report: "Report", qdrant: str, *, to_stderr: bool) -> None:
    from rich.console import Console  # noqa: PLC0415 - see above
    from rich.table import Table  # noqa: PLC0415 - see above
    from rich.text import Text  # noqa: PLC0415 - see above

    from sketchzoo.cli.tables import show  # noqa: PLC0415 - see above
    from sketchzoo.running import described  # noqa: PLC0415 - see above

    table = Table(title="ingest (dry run)" if report.dry_run else "ingest", show_header=False)
    table.add_column(style="bold")
    table.add_column(no_wrap=True)
    for name, value in (("in", described(qdrant)), *report.lines()):
        # As plain text: brackets in a file's name are no markup.
        table.add_row(Text(name), Text(value))
    show(Console(stderr=to_stderr), table)
