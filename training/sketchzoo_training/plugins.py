"""What others plug in: found by an entry point's name, or as `module:attribute`.

A package of one's own offers entry points of a group (`sketchzoo.datasets`, for instance)
in its `pyproject.toml`. What lies in a module that Python finds (`PYTHONPATH`, the current
folder) needs no package: `module:attribute` names it as it is.
"""

import sys
from collections.abc import Collection
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from sketchzoo_training.errors import ConfigError


def load_plugin(group: str, name: str) -> Any:
    """Return what a group's entry point of that name, or `module:attribute`, stands for.

    Raises:
        ConfigError: there is none; the message names those that are there.

    """
    module, colon, attribute = name.partition(":")
    try:
        if not colon:
            (point,) = entry_points(group=group, name=name)
            return point.load()
        if "" not in sys.path:
            sys.path.insert(0, "")  # `sketchzoo`, unlike `python -m`, does not look here
        return getattr(import_module(module), attribute)
    except ValueError as error:
        there = ", ".join(sorted(entry_points(group=group).names)) or "none"
        raise ConfigError(
            f"{name!r} is no entry point of {group} (there are: {there}); what is not installed "
            "is named module:attribute"
        ) from error
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"{name!r} of {group} cannot be loaded: {error}") from error


def check_known(group: str, name: str, own: Collection[str]) -> None:
    """Refuse a name that is neither of this project nor of a plug-in; nothing is imported.

    Raises:
        ValueError: the name, with those that are like it.

    """
    if name in own or ":" in name:
        return
    known = sorted({*own, *entry_points(group=group).names})
    if name not in known:
        like = get_close_matches(name, known, n=3, cutoff=0.3) or known
        raise ValueError(f"there is no {name!r}; like it: {', '.join(like)}")
