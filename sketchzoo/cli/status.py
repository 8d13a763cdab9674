"""Exit statuses, the same in every command, and the last line of one that fails."""

import os
from typing import Final, NoReturn

import typer

from sketchzoo.cli.printable import printable

FAILED: Final = 1
"""Something did not go well: a part ended, some photos could not be had, not SERVING."""
UNUSABLE: Final = 2
"""What the user gave cannot be used: an option, a file, a port that is taken."""
REFUSED: Final = 3
"""A server, or what is there already, says no."""
AWAY: Final = 4
"""A server cannot be reached, or did not answer in time."""
INTERRUPTED: Final = 130
"""Ctrl-C or SIGTERM."""


def end(command: str, problem: object, status: int) -> NoReturn:
    """Say in one line on stderr why `command` ends, and end with `status`."""
    if isinstance(problem, OSError) and problem.filename is not None:
        problem = f"{os.fsdecode(problem.filename)}: {problem.strerror}"
    lines = [printable(line) for line in f"sketchzoo {command}: {problem}".split("\n")]
    typer.echo("\n".join(lines), err=True)
    raise typer.Exit(status)
