"""A session: a command's time with a stack of its own on a data folder."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from local_stack.stack import StackError
from local_stack.stopping import stop_on_signals
from sketchzoo.cli.status import FAILED, REFUSED, UNUSABLE, end
from sketchzoo.running import HeldFolder, InUseError, held


@contextlib.contextmanager
def session(command: str, data: Path) -> Iterator[HeldFolder]:
    """Have the data folder while the context is open; whatever fails ends in one line.

    Raises:
        typer.Exit: 1 a part failed, 2 the folder can't be written, 3 another stack runs on it.

    """
    stop_on_signals()
    try:
        with held(data) as folder:
            yield folder
    except StackError as error:
        end(command, error, FAILED)
    except InUseError as error:
        end(command, error, REFUSED)
    except BrokenPipeError:  # who read this command's output has gone
        raise
    except OSError as error:
        where = error.filename or data
        why = f"{where}: {error.strerror or error}; --data chooses the folder"
        end(command, why, UNUSABLE)
