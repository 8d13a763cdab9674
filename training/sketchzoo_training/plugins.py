"""Plug-ins: losses, backbones and data sets of one's own, by name.

A name is an entry point of a group (`sketchzoo.losses`, `sketchzoo.backbones`,
`sketchzoo.datasets`), which an installed package declares, or `package.module:attribute`,
for which nothing needs to be installed.
"""

from collections.abc import Collection
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from sketchzoo_training.errors import ConfigError


def check_known(group: str, name: str, own: Collection[str]) -> None:
    """Refuse a name that is neither of this project nor of a plug-in; nothing is imported.

    Raises:
        ValueError: the name, with those that are like it.

    """
    registered = {point.name for point in entry_points(group=group)}
    if name in own or name in registered or ":" in name:
        return
    known = sorted({*own, *registered})
    like = get_close_matches(name, known, n=3, cutoff=0.3) or known
    raise ValueError(f"there is no {name!r}; like it: {', '.join(like)}")


def load(group: str, name: str) -> Any:
    """Return what a plug-in's name stands for.

    Raises:
        ConfigError: it cannot be imported, or is not there.

    """
    try:
        for point in entry_points(group=group, name=name):
            return point.load()
        module, _, attribute = name.partition(":")
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"{name} cannot be loaded: {error}") from error
