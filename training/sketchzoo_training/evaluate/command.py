"""What `sketchzoo evaluate` does: list, measure, show."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress, TimeRemainingColumn
from rich.table import Table

from sketchzoo.cli.tables import show
from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact
from sketchzoo.rpc.channel import ChannelSettings
from sketchzoo.rpc.tls import ClientTls
from sketchzoo.settings import SearchClientSettings
from sketchzoo_training.data import DataError, ImageFile, check_apart, class_name_of, list_images
from sketchzoo_training.errors import InputError
from sketchzoo_training.evaluate.evaluation import Evaluation, evaluate
from sketchzoo_training.evaluate.metrics import METRICS


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
    gallery = _listed(request.gallery, Modality.PHOTO, request.split)
    queries = _listed(request.queries, Modality.SKETCH, request.split)
    check_apart(gallery, queries)
    if request.classes:
        gallery, queries = _of(request.classes, gallery), _of(request.classes, queries)
    if request.through is None:
        artefact = ModelArtefact.load(request.model)
        with _progress("embedding", len(gallery) + len(queries)) as advance:
            evaluation = evaluate(
                artefact, gallery, queries, workers=request.workers, advance=advance
            )
        of = {"model": artefact.name, "fingerprint": artefact.fingerprint}
    else:
        evaluation, of = _through(request, request.through, gallery, queries)
    report = {
        **evaluation.report(),
        **of,
        "split": request.split,
        "only_classes": list(request.classes),
        "gallery": [str(folder) for folder in request.gallery],
        "query_folders": [str(folder) for folder in request.queries],
        "through": request.through.search_target if request.through else None,
        "seconds": round(time.monotonic() - started, 1),
    }
    if not quiet:
        _show(Console(), report)
    if request.failures is not None:
        from sketchzoo_training.evaluate.failures import write_failures  # noqa: PLC0415 - only where asked for

        path = write_failures(evaluation, request.failures)
        Console(stderr=True).print(f"failure sheet: {path}", soft_wrap=True)
    return report


def _through(
    request: Request,
    service: SearchClientSettings,
    gallery: list[ImageFile],
    queries: list[ImageFile],
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


def _listed(folders: tuple[Path, ...], modality: Modality, split: str | None) -> list[ImageFile]:
    # The same file under two folders given counts once.
    files = {
        file.path if file.drawing is None else (file.path, file.drawing): file
        for folder in folders
        for file in list_images(folder, modality, split=split)
    }
    if not files:
        raise DataError(f"no {modality} found")
    return list(files.values())


def _of(names: tuple[str, ...], files: list[ImageFile]) -> list[ImageFile]:
    """Return the files of the classes named, spelled as folders may be."""
    wanted = {class_name_of(name) for name in names}
    missing = sorted(wanted - {file.class_name for file in files})
    if missing:
        raise DataError(f"no {files[0].modality} is of class {', '.join(missing)}")
    return [file for file in files if file.class_name in wanted]


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    columns = (*Progress.get_default_columns()[:-1], TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda: progress.advance(task)


def _show(console: Console, report: dict[str, Any]) -> None:
    table = Table("metric", "value", "95 %", title="sketches finding photos")
    for metric in METRICS:
        table.add_row(metric, _share(report[metric]), _interval(report["intervals"][metric]))
    show(console, table)
    for groups, title in (("per_source", "source"), ("per_class", "class")):
        table = Table(title, "queries", *METRICS, "p@12, 95 %")
        for name, values in report[groups].items():
            row = [_share(values[metric]) for metric in METRICS]
            table.add_row(name, str(values["queries"]), *row, _interval(values["p@12_interval"]))
        show(console, table)
    console.print(
        f"{report['queries']} sketches ({report['paired_queries']} with their own photo) asked "
        f"for {report['photos']} photos of {report['classes']} classes; the best P@12 that these "
        f"allow is {report['p@12_best']:.3f}"
    )
    for what, reasons in report["left_out"].items():
        if reasons:
            named = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
            console.print(f"{what} left out: {named}")


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _interval(value: tuple[float, float] | None) -> str:
    return "-" if value is None else f"{value[0]:.2f}-{value[1]:.2f}"
