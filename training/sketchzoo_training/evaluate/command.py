"""What `sketchzoo evaluate` does: select, measure, show."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, TimeRemainingColumn

from sketchzoo.call_settings import SearchClientSettings
from sketchzoo.cli.tables import show
from sketchzoo.model import ModelArtefact
from sketchzoo.parts import Focus
from sketchzoo.rpc.channel import ChannelSettings
from sketchzoo.rpc.tls import ClientTls
from sketchzoo_training.errors import InputError
from sketchzoo_training.evaluate.evaluation import Evaluation, evaluate
from sketchzoo_training.evaluate.selection import Choice, Selection, select
from sketchzoo_training.evaluate.tables import report_notes, report_tables


@dataclass(frozen=True, slots=True)
class Request:
    """What to evaluate, on what: a model's artefact, or with `through` the running service."""

    model: str
    choice: Choice
    focus: Focus | None = None
    through: SearchClientSettings | None = None
    workers: int | None = None
    deadline_seconds: float = 30.0
    failures: Path | None = None

    def __post_init__(self) -> None:
        if self.choice.unknown and self.through:
            raise InputError("--unknown is measured of a model, not through a service")
        if self.focus and self.through:
            raise InputError("--focus is measured of a model, not through a service")


def run(request: Request, *, quiet: bool) -> dict[str, Any]:
    """Evaluate, print tables on standard output unless `quiet`, return the report.

    Raises:
        training.data.DataError: a folder cannot be used.
        training.errors.InputError: the service cannot be called as asked, or the model has no
            such focus.
        sketchzoo.model.ModelError: the model cannot be used.
        training.through.ServiceError: the service failed.

    """
    started = time.monotonic()
    choice = request.choice
    selection = select(choice)
    if request.through is None:
        evaluation, of = _library(request, selection)
    else:
        evaluation, of = _through(request, request.through, selection)
    evaluation = replace(evaluation, left_out=selection.left_out + evaluation.left_out)
    report = {
        **evaluation.report(),
        **of,
        "split": choice.split,
        "only_classes": sorted(selection.wanted),
        "among": ("all" if choice.among_all else "own") if selection.wanted else None,
        "gallery": [str(folder) for folder in choice.gallery],
        "query_folders": [str(folder) for folder in choice.queries],
        "through": request.through.search_target if request.through else None,
        "seconds": round(time.monotonic() - started, 1),
    }
    if not quiet:
        console = Console()
        for table in report_tables(report):
            show(console, table)
        for note in report_notes(report):
            console.print(escape(note))
        if evaluation.left_out:
            show(console, evaluation.left_out.table())
    if request.failures is not None:
        from sketchzoo_training.evaluate.failures import write_failures  # noqa: PLC0415 - only where asked for

        path = write_failures(evaluation, request.failures)
        Console(stderr=True).print(f"failure sheet: {path}", soft_wrap=True)
    return report


def _library(request: Request, selection: Selection) -> tuple[Evaluation, dict[str, Any]]:
    artefact = ModelArtefact.load(request.model)
    files = (selection.gallery, selection.queries, selection.unknown)
    with _progress("embedding", sum(map(len, files))) as advance:
        evaluation = evaluate(
            artefact,
            selection.gallery,
            selection.queries,
            focus=request.focus,
            unknown=selection.unknown,
            workers=request.workers,
            advance=advance,
        )
    learned = frozenset(artefact.classes) | frozenset(artefact.notes.get("shared_classes", ()))
    return evaluation, {
        "model": artefact.name,
        "fingerprint": artefact.fingerprint,
        "focus": request.focus or artefact.layout.default,
        "class_list": selection.list_report(learned),
    }


def _through(
    request: Request, service: SearchClientSettings, selection: Selection
) -> tuple[Evaluation, dict[str, Any]]:
    from sketchzoo_training.evaluate.through import Through, evaluate_through  # noqa: PLC0415 - only where asked for

    try:
        channel = ChannelSettings(
            service.search_target, ClientTls.of(service), service.search_token
        )
    except ValueError as error:
        raise InputError(f"--search-target: {error}") from error
    through = Through(channel, request.deadline_seconds, request.workers or 2)
    with _progress("searching", len(selection.queries)) as advance:
        answered = evaluate_through(through, selection.gallery, selection.queries, advance=advance)
    if answered.passed_over:
        Console(stderr=True).print(
            f"{answered.passed_over} photos of the service's are in no --gallery and were "
            "passed over"
        )
    return answered.evaluation, {
        "model": None,
        "fingerprint": answered.fingerprint,
        "focus": request.focus,
        "class_list": selection.list_report(None),
    }


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    columns = (*Progress.get_default_columns()[:-1], TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda: progress.advance(task)
