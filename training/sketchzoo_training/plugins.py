"""What others plug in to training, see `sketchzoo.plugins`; told in training's own errors."""

import sys
from collections.abc import Collection
from difflib import get_close_matches
from importlib.metadata import entry_points
from typing import Any

from sketchzoo import plugins
from sketchzoo_training.errors import ConfigError


def load_plugin(group: str, name: str) -> Any:
    """Return what a group's entry point of that name, or `module:attribute`, stands for.

    A module is looked for in the current folder, too.

    Raises:
        ConfigError: there is none; the message names those that are there.

    """
    if ":" in name and "" not in sys.path:
        sys.path.insert(0, "")  # `sketchzoo`, unlike `python -m`, does not look here
    try:
        return plugins.load_plugin(group, name)
    except plugins.PluginError as error:
        raise ConfigError(str(error)) from error


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
