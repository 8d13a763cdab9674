"""Graphs: a model's, optimised once for this machine, whose weights all sessions map.

They lie in a private folder while processes may open them; what is mapped outlasts it. Nobody
needs a folder that nobody holds: one of a killed encoder goes when the next one starts.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import structlog

from sketchzoo.model_error import ModelError
from sketchzoo.onnx import IMAGES, write_optimised

if sys.platform != "win32":
    import fcntl

_PREFIX = "sketchzoo-graphs-"

log = structlog.get_logger()


@contextmanager
def graphs_folder() -> Iterator[Path | None]:
    """Make a folder for `prepare`; it goes with the context.

    None where there can be none: Windows keeps files that are mapped, and a machine may have no
    folder for temporary files.
    """
    held = None if sys.platform == "win32" else _held_folder()
    if held is None:
        yield None
        return
    folder, descriptor = held
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Let no other process into a folder of graphs while the context is open; waits for it."""
    with (folder / "lock").open("wb") as file:
        if sys.platform != "win32":
            fcntl.flock(file, fcntl.LOCK_EX)  # whoever is killed lets go of it
        yield


def prepare(
    paths: Iterable[Path], folder: Path, *, inputs: Sequence[str] = IMAGES
) -> Mapping[Path, Path]:
    """Optimise graphs into a folder, those that are not there yet, side by side.

    Returns the optimised graph of each; of one that can't be optimised or written none, and
    the log says why. To be called `alone_in` the folder.
    """
    targets = {path: folder / path.name for path in set(paths)}
    made: dict[Path, Path] = {}
    written = partial(_written, inputs=inputs)
    with ThreadPoolExecutor(len(targets)) as pool:
        for path, done in zip(targets, pool.map(written, targets, targets.values()), strict=True):
            if done:
                made[path] = targets[path]
    return made


def _written(path: Path, target: Path, *, inputs: Sequence[str]) -> bool:
    if target.exists():
        return True
    try:
        write_optimised(path, target, inputs=inputs)
    except ModelError as error:
        log.warning("graph is not mapped", error=str(error))
        return False
    return True


def _held_folder() -> tuple[Path, int] | None:
    """Make a folder and lock it; what others left unlocked is removed."""
    try:
        _sweep(Path(tempfile.gettempdir()))
        while True:
            folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
            # Until it is locked a sweep may take it for one that was left.
            if (descriptor := _opened(folder)) is not None:
                return folder, descriptor
    except OSError as error:
        log.warning("graphs are not mapped", error=str(error))
        return None


def _opened(folder: Path) -> int | None:
    """Open and lock a folder; None where it is gone or another has it."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if folder.exists():
            return descriptor
    except BlockingIOError:
        pass
    except OSError:  # a file system without locks
        os.close(descriptor)
        folder.rmdir()
        raise
    os.close(descriptor)
    return None


def _sweep(temporary: Path) -> None:
    for folder in temporary.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if folder.lstat().st_uid == os.getuid() and (descriptor := _opened(folder)) is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(descriptor)
