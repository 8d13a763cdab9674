"""What `sketchzoo evaluate` does: list, measure, show."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, TimeRemainingColumn
from rich.table import Table

from sketchzoo.call_settings import SearchClientSettings
from sketchzoo.cli.tables import show
from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact
from sketchzoo.rpc.channel import ChannelSettings
from sketchzoo.rpc.tls import ClientTls
from sketchzoo_training.data import (
    DataError,
    ImageFile,
    LeftOut,
    Listing,
    check_apart,
    class_name_of,
    look,
)
from sketchzoo_training.errors import InputError
from sketchzoo_training.evaluate.evaluation import Evaluation, evaluate
from sketchzoo_training.evaluate.metrics import METRICS

_OF_GROUPS = ("p@12", "p@12_best", "map", "recall@1")


@dataclass(frozen=True, slots=True)
class Request:
    """What to evaluate: a model's artefact, or with `through` the running service."""

    model: str
    gallery: tuple[Path, ...]
    queries: tuple[Path, ...]
    split: str | None = None
    classes: tuple[str, ...] = ()
    through: SearchClientSettings | None = None
    workers: int | None = None
    deadline_seconds: float = 30.0
    failures: Path | None = None

    def __post_init__(self) -> None:
        if not self.gallery:
            raise ValueError("gallery must name at least one folder of photos")
        if not self.queries:
            raise ValueError("queries must name at least one folder of sketches")


def run(request: Request, *, quiet: bool) -> dict[str, Any]:
    """Evaluate, print tables on standard output unless `quiet`, return the report.

    Raises:
        training.data.DataError: a folder cannot be used.
        training.errors.InputError: the service cannot be called as asked.
        sketchzoo.model.ModelError: the model cannot be used.
        training.through.ServiceError: the service failed.

    """
    started = time.monotonic()
    photos = _listed(request.gallery, Modality.PHOTO, request.split)
    sketches = _listed(request.queries, Modality.SKETCH, request.split)
    gallery, queries = photos.files, sketches.files
    check_apart(gallery, queries)
    wanted: set[str] = set()
    if request.classes:
        wanted = _classes(request.classes, {file.class_name for file in gallery + queries})
        gallery, queries = _of(wanted, gallery), _of(wanted, queries)
    if request.through is None:
        artefact = ModelArtefact.load(request.model)
        with _progress("embedding", len(gallery) + len(queries)) as advance:
            evaluation = evaluate(
                artefact, gallery, queries, workers=request.workers, advance=advance
            )
        of = {"model": artefact.name, "fingerprint": artefact.fingerprint}
    else:
        evaluation, of = _through(request, request.through, gallery, queries)
    evaluation = replace(
        evaluation, left_out=photos.left_out + sketches.left_out + evaluation.left_out
    )
    report = {
        **evaluation.report(),
        **of,
        "split": request.split,
        "only_classes": sorted(wanted),
        "gallery": [str(folder) for folder in request.gallery],
        "query_folders": [str(folder) for folder in request.queries],
        "through": request.through.search_target if request.through else None,
        "seconds": round(time.monotonic() - started, 1),
    }
    if not quiet:
        _show(Console(), report)
        if evaluation.left_out:
            show(Console(), evaluation.left_out.table())
    if request.failures is not None:
        from sketchzoo_training.evaluate.failures import write_failures  # noqa: PLC0415 - only where asked for

        path = write_failures(evaluation, request.failures)
        Console(stderr=True).print(f"failure sheet: {path}", soft_wrap=True)
    return report


def _through(
    request: Request,
    service: SearchClientSettings,
    gallery: tuple[ImageFile, ...],
    queries: tuple[ImageFile, ...],
) -> tuple[Evaluation, dict[str, Any]]:
    from sketchzoo_training.evaluate.through import Through, evaluate_through  # noqa: PLC0415 - only where asked for

    try:
        channel = ChannelSettings(
            service.search_target, ClientTls.of(service), service.search_token
        )
    except ValueError as error:
        raise InputError(f"--search-target: {error}") from error
    through = Through(channel, request.deadline_seconds, request.workers or 2)
    with _progress("searching", len(queries)) as advance:
        answered = evaluate_through(through, gallery, queries, advance=advance)
    if answered.passed_over:
        Console(stderr=True).print(
            f"{answered.passed_over} photos of the service's are in no --gallery and were "
            "passed over"
        )
    of = {"model": None, "fingerprint": answered.fingerprint}
    return answered.evaluation, of


def _listed(folders: tuple[Path, ...], modality: Modality, split: str | None) -> Listing:
    listings = [look(folder, modality, split=split) for folder in folders]
    # The same file under two folders given counts once.
    files = {file.place: file for listing in listings for file in listing.files}
    return Listing(tuple(files.values()), sum((each.left_out for each in listings), LeftOut()))


def _classes(named: tuple[str, ...], known: set[str]) -> set[str]:
    """Return the classes named, spelled as folders may be; commas stand between or within."""
    whole = {class_name_of(name) for name in named} & known
    parts = (name.split(",") for name in named if class_name_of(name) not in known)
    return whole | {class_name_of(part) for names in parts for part in names}


def _of(wanted: set[str], files: tuple[ImageFile, ...]) -> tuple[ImageFile, ...]:
    missing = sorted(wanted - {file.class_name for file in files})
    if missing:
        raise DataError(f"no {files[0].modality} is of class {', '.join(missing)}")
    return tuple(file for file in files if file.class_name in wanted)


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    columns = (*Progress.get_default_columns()[:-1], TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda: progress.advance(task)


def _show(console: Console, report: dict[str, Any]) -> None:
    title = f"sketches finding photos by {report['distance']}"
    table = Table("metric", "value", "95 %", title=title)
    for metric in (*METRICS, "p@12_best"):
        table.add_row(metric.replace("_", ", "), *_figure(report, metric))
    show(console, table)
    for groups, title in (("per_source", "source"), ("per_class", "class")):
        columns = [head for metric in _OF_GROUPS for head in (metric.replace("_", ", "), "95 %")]
        table = Table(title, "queries", *columns)
        for name, values in report[groups].items():
            figures = (text for metric in _OF_GROUPS for text in _figure(values, metric))
            table.add_row(escape(name), str(values["queries"]), *figures)
        show(console, table)
    console.print(
        f"{report['queries']} sketches ({report['paired_queries']} with their own photo) asked "
        f"for {report['photos']} photos of {report['classes']} classes. 'p@12, best' is the most "
        "that the gallery allows: a class of fewer than 12 photos cannot fill 12 places"
    )


def _figure(values: dict[str, Any], metric: str) -> tuple[str, str]:
    value, interval = values[metric], values["intervals"][metric]
    if value is None or interval is None:
        return "-", "-"
    return f"{value:.3f}", f"{interval[0]:.3f}-{interval[1]:.3f}"
