"""What ends a command of this room in one line."""

from collections.abc import Iterator
from contextlib import contextmanager

from sketchzoo.cli.status import FAILED, UNUSABLE, end


@contextmanager
def user_errors(command: str) -> Iterator[None]:
    """End in one line where what the user gave is at fault."""
    from sketchzoo.model_error import ModelError  # noqa: PLC0415 - slow to load

    try:
        yield
    except (ModelError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        end(command, error, UNUSABLE)
    except MemoryError:
        end(command, "not enough memory", FAILED)
