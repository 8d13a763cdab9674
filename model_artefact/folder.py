"""Folders that are made whole or not at all, and synced."""

import secrets
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sketchzoo.files import sync_file, sync_folder


class FolderError(Exception):
    """The folder to be made is there already, and holds something."""


def check_free(out: Path) -> None:
    """Refuse a folder that can't be made.

    Raises:
        FolderError: it is a file, or a folder that holds something.

    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise FolderError(f"{out} is there already: choose another folder")


@contextmanager
def made_aside(out: Path) -> Iterator[Path]:
    """Give a folder to fill, which becomes `out` when the context ends in good order.

    SIGTERM ends the context as Ctrl-C does, so that nothing is left of it either.

    Raises:
        FolderError: `out` is a file, or a folder that holds something.

    """
    check_free(out)
    target = out.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        with _ended_by_sigterm():
            aside.mkdir()
            yield aside
            for path in aside.iterdir():
                sync_file(path)
            sync_folder(aside)
            if target.exists():
                target.rmdir()  # one that has something in it by now stays
            aside.rename(target)
            sync_folder(target.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def copied(folder: Path, out: Path) -> Iterator[Path]:
    """Give a copy of a folder's files, which becomes `out` when the context ends in good order.

    Raises:
        FolderError: `out` is a file, or a folder that holds something.

    """
    with made_aside(out) as aside:
        for path in folder.iterdir():
            if path.is_file():
                shutil.copyfile(path, aside / path.name)
        yield aside


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Raise SystemExit in the main thread on SIGTERM; elsewhere signals can't be had."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
