"""The job: every photo of a manifest into a folder, with its attribution."""

import asyncio
import csv
import fcntl
import hashlib
import io
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sample_gallery.fetch._lock import NAME, Entry, Lock, key
from sample_gallery.fetch._manifest import Row
from sample_gallery.fetch._partial import Budget, PartialDownload, digest
from sample_gallery.fetch._photo import finish
from sample_gallery.fetch._report import Outcome, PhotoError, Report
from sample_gallery.folder import FolderError
from sample_gallery.limits import Limits
from sketchzoo.fetch import Failure, FetchError
from sketchzoo.fetch.fetcher import Fetcher, Sleep
from sketchzoo.files import write_atomically

_PARTS = ".parts"
_OUTCOMES = {
    Failure.GONE: Outcome.NOT_FOUND,
    Failure.TOO_LARGE: Outcome.TOO_LARGE,
    Failure.PRIVATE: Outcome.REFUSED,
    Failure.REFUSED: Outcome.REFUSED,
    Failure.FAILED: Outcome.FAILED,
}
_COLUMNS = ("path", "class", "author", "licence", "licence_url", "source", "origin", "changes")


async def fetch(
    rows: Sequence[Row],
    folder: Path,
    limits: Limits | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
    sleep: Sleep = asyncio.sleep,
) -> Report:
    """Fetch a manifest's photos into `folder/photo/<class>/` and write `ATTRIBUTION.csv`.

    What is there already and unchanged is left alone, and what an earlier run left half done is
    taken up. One bad photo never stops the others. `progress` gets photos done and photos in all.

    Raises `FolderError` if the folder holds something else or another run is at work in it.
    """
    limits = limits or Limits()
    with _opened(folder) as lock:
        report, budget = Report(), Budget(limits.max_total_bytes)
        waiting = iter(rows)
        async with Fetcher(limits.fetch, sleep) as fetcher:

            def part(row: Row) -> PartialDownload:
                return PartialDownload(
                    folder / _PARTS / row.stem, row, budget, limits.max_file_bytes
                )

            async def work() -> None:
                for row in waiting:
                    try:
                        report.good(await _one(part(row), folder, lock, fetcher, limits))
                    except PhotoError as error:
                        report.bad(row.where, error)
                    if progress is not None:
                        progress(report.counts.total(), len(rows))

            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(min(limits.fetch.at_once, len(rows))):
                        group.create_task(work())
            except* OSError as errors:
                raise FolderError(f"{folder} can't be written: {errors.exceptions[0]}") from errors
        report.taken_bytes = budget.taken
        _attribute(rows, folder, lock)
    return report


@contextmanager
def _opened(folder: Path) -> Iterator[Lock]:
    """Yield the folder's lock file while no other run may work in the folder."""
    if folder.exists() and not folder.is_dir():
        raise FolderError(f"{folder} is a file: name a folder")
    fresh = not folder.exists() or not any(folder.iterdir())
    if not fresh and not (folder / NAME).exists():
        raise FolderError(f"{folder} is not empty and no fetched sample: choose another")
    (folder / _PARTS).mkdir(parents=True, exist_ok=True)
    (folder / NAME).touch()
    descriptor = os.open(folder / NAME, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FolderError(f"another run is at work in {folder}") from error
        try:
            yield Lock(folder)
        except ValueError as error:
            raise FolderError(str(error)) from error
        if not any((folder / _PARTS).iterdir()):
            (folder / _PARTS).rmdir()
    finally:
        os.close(descriptor)


async def _one(
    part: PartialDownload, folder: Path, lock: Lock, fetcher: Fetcher, limits: Limits
) -> Outcome:
    row = part.row
    known = lock.get(row)
    expected = row.sha256 or (known.sha256 if known else "")
    if known is not None and known.sha256 == expected and await _there(folder, row, known):
        return Outcome.KEPT
    resumed = part.size > 0
    found = await _bytes(part, fetcher, limits)
    if expected and found != expected and resumed:
        # The part here may have been of another file: once more, from the beginning.
        part.discard()
        found = await _bytes(part, fetcher, limits)
    if expected and found != expected:
        part.discard()
        raise PhotoError(Outcome.WRONG_HASH, f"has SHA-256 {found}, but {expected} was wanted")
    size = part.size
    try:
        content, ending, changed = await asyncio.to_thread(finish, part.path, row, limits.max_side)
    except PhotoError:
        part.discard()
        raise
    file = Path("photo") / row.label / f"{row.stem}{ending}"
    await asyncio.to_thread(_place, folder / file, content)
    where, crop = key(row)
    stored = hashlib.sha256(content).hexdigest()
    lock.add(Entry(where, crop, found, size, str(file), stored, changed))
    part.discard()
    return Outcome.FETCHED


async def _bytes(part: PartialDownload, fetcher: Fetcher, limits: Limits) -> str:
    """Bring a photo's bytes into `part` and return their SHA-256."""
    row = part.row
    if row.url is None:
        await asyncio.to_thread(_copy, Path(row.where), part.path, limits)
        return await asyncio.to_thread(part.digest)
    try:
        await fetcher.fetch(row.url, part)
    except FetchError as error:
        raise PhotoError(_OUTCOMES[error.failure], str(error)) from error
    return await asyncio.to_thread(part.digest)


async def _there(folder: Path, row: Row, known: Entry) -> bool:
    path = folder / known.file
    if path.parent.name != row.label:
        return False
    return path.is_file() and await asyncio.to_thread(digest, path) == known.file_sha256


def _copy(path: Path, part: Path, limits: Limits) -> None:
    try:
        if path.stat().st_size > limits.max_file_bytes:
            raise PhotoError(Outcome.TOO_LARGE, f"has over {limits.max_file_bytes} bytes")
        shutil.copyfile(path, part)
    except OSError as error:
        raise PhotoError(Outcome.NOT_FOUND, f"can't be read: {error.strerror}") from error


def _place(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # The lock file knows its hash: one that is lost with the power is fetched again.
    write_atomically(path, content, sync=False)


def _attribute(rows: Sequence[Row], folder: Path, lock: Lock) -> None:
    """Write who took each photo that is there, under which licence, and what was changed.

    The file is a manifest that ingest reads, so that the same facts reach the payload.
    """
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for row in rows:
        entry = lock.get(row)
        if entry is not None and (folder / entry.file).is_file():
            whose = (row.author, row.licence, row.licence_url, row.source, row.where)
            writer.writerow((entry.file, row.label, *whose, entry.changed))
    write_atomically(folder / "ATTRIBUTION.csv", table.getvalue())
