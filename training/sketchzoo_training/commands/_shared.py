"""What the commands share: how the folder of a data set is described, and how errors end."""

from collections.abc import Iterator
from contextlib import contextmanager

from sketchzoo.cli.status import AWAY, FAILED, REFUSED, UNUSABLE, end

FOLDERS = "Folder with photo/ and sketch/, a folder per class in each."


@contextmanager
def user_errors(command: str) -> Iterator[None]:
    """End in one line where the user's input, or a service, is at fault."""
    from sketchzoo.model import ModelError  # noqa: PLC0415 - slow to load
    from sketchzoo_training.errors import (  # noqa: PLC0415 - as above
        DivergedError,
        InputError,
        ServiceAwayError,
        ServiceError,
    )

    try:
        yield
    except DivergedError as error:
        end(command, error, FAILED)
    except ServiceAwayError as error:
        end(command, error, AWAY)
    except ServiceError as error:
        end(command, error, REFUSED)
    except (InputError, ModelError) as error:
        end(command, error, UNUSABLE)
