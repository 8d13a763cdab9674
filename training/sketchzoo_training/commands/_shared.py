"""What the commands share: how the folder of a data set is described, and how errors end."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer

from sketchzoo.class_names import ClassNameError
from sketchzoo.cli.status import AWAY, FAILED, REFUSED, UNUSABLE, end

FOLDERS = (
    "Folder with photo/ and sketch/, a folder per class in each; or plugin:NAME, a data set "
    "that is plugged in."
)
FocusName = Literal["subject", "both", "shape"]
"""The values of `sketchzoo.parts.Focus`, which is slow to load."""
Photos = Annotated[
    Path | None,
    typer.Option("--photos", help="Folder of photos, a folder per class; with --sketches."),
]
Sketches = Annotated[
    Path | None,
    typer.Option("--sketches", help="Folder of sketches, a folder per class; with --photos."),
]


@contextmanager
def user_errors(command: str) -> Iterator[None]:
    """End in one line where the user's input, or a service, is at fault."""
    from sketchzoo.model_error import ModelError  # noqa: PLC0415 - slow to load
    from sketchzoo_training.errors import (  # noqa: PLC0415 - as above
        DivergedError,
        InputError,
        ServiceAwayError,
        ServiceError,
    )

    try:
        yield
    except BrokenPipeError:
        raise  # who read the output has gone: `sketchzoo.cli.session` ends quietly
    except DivergedError as error:
        end(command, error, FAILED)
    except ServiceAwayError as error:
        end(command, error, AWAY)
    except ServiceError as error:
        end(command, error, REFUSED)
    except (InputError, ModelError, ClassNameError, OSError) as error:
        end(command, error, UNUSABLE)
    except MemoryError as error:
        end(command, f"not enough memory: {str(error) or 'the machine has no more'}", FAILED)
