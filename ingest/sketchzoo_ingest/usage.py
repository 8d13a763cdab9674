"""Usage: what the operator asked for and cannot be begun."""

from collections.abc import Iterator
from contextlib import contextmanager


class UsageError(ValueError):
    """What the operator asked for cannot be begun; the message says what would be right."""


@contextmanager
def usage() -> Iterator[None]:
    """Tell what is wrong with sources and settings from what is wrong with the code."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise UsageError(str(error)) from error
