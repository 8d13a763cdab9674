"""Arguments: what the SDK's user passes, checked before anything is sent.

Each function takes the argument's name and value, and returns the value as the SDK uses
it. TypeError or ValueError name the argument and say what would be right.
"""

import math
import operator
from collections.abc import Iterable, Mapping
from typing import Any

from sketchzoo.gallery_names import RIGHT, is_gallery_name
from sketchzoo.token import read_token

# gRPC overflows somewhere beyond; a stream that is to last has no timeout at all.
_MAX_SECONDS = 86_400.0


def whole(name: str, value: Any, low: int, high: int) -> int:
    """Return a whole number from `low` to `high`; NumPy's are as good as Python's."""
    # A bool is an int of Python's, and never meant as one.
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name} must be a whole number, not {_shown(value)}")
    try:
        found = operator.index(value)
    except TypeError as error:  # an array, which is one only where it holds one value
        raise TypeError(f"{name} must be a whole number, not {_shown(value)}") from error
    if not low <= found <= high:
        raise ValueError(f"{name} must be {low} to {high}, not {found}")
    return found


def number(name: str, value: Any) -> float:
    """Return a number that is one: not NaN."""
    if isinstance(value, bool | str | bytes) or not hasattr(value, "__float__"):
        raise TypeError(f"{name} must be a number, not {_shown(value)}")
    try:
        found = float(value)
    except TypeError as error:  # an array of several values
        raise TypeError(f"{name} must be a number, not {_shown(value)}") from error
    except OverflowError as error:
        raise ValueError(f"{name} is too large a number") from error
    if math.isnan(found):
        raise ValueError(f"{name} must be a number, not NaN")
    return found


def seconds(name: str, value: Any) -> float:
    """Return the seconds in which something must be done: above 0, and at most a day."""
    if value is None:
        raise TypeError(f"{name} must be a number of seconds, not None: every call has a deadline")
    found = number(name, value)
    if not 0 < found <= _MAX_SECONDS:
        raise ValueError(
            f"{name} must be above 0 and at most {_MAX_SECONDS:.0f} seconds, not {value}"
        )
    return found


def flag(name: str, value: Any) -> bool:
    """Return True or False; nothing else counts as one."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, not {_shown(value)}")
    return value


def text(name: str, value: Any) -> str:
    """Return a string that can be written as UTF-8."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, not {_shown(value)}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{name} holds half of a surrogate pair, which is no text") from error
    return value


def texts(name: str, value: Any) -> tuple[str, ...]:
    """Return several strings; None are none."""
    if value is None:
        return ()
    if isinstance(value, str):
        raise TypeError(f"{name} must be a list of strings, not one: [{value!r}]")
    if isinstance(value, bytes | bytearray | Mapping) or not isinstance(value, Iterable):
        raise TypeError(f"{name} must be a list of strings, not {_shown(value)}")
    return tuple(text(f"{name}[{index}]", each) for index, each in enumerate(value))


def gallery(value: Any) -> str:
    """Return a gallery's name; empty is the service's own."""
    name = text("gallery", value)
    if name and not is_gallery_name(name):
        raise ValueError(f"gallery must be {RIGHT}, not {_shown(value)}")
    return name


def token(value: Any) -> str | None:
    """Return a bearer token without the newline that its file ends in, None for none."""
    if value is None or value == "":
        return None
    try:
        return read_token(text("token", value)).get_secret_value()
    except ValueError as error:
        raise ValueError(f"token: {error}") from error


def _shown(value: Any) -> str:
    """Show a small value as it is, any other by its type."""
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value) if len(repr(value)) <= 40 else type(value).__name__  # noqa: PLR2004 - a short line
    return type(value).__name__
