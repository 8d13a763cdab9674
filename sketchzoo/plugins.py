"""What others plug in: found by an entry point's name, or as `module:attribute`.

A package of one's own offers entry points of a group (`sketchzoo.backbones`, for
instance) in its `pyproject.toml`. What lies in a module that Python finds needs no package:
`module:attribute` names it as it is.
"""

from importlib.metadata import EntryPoint, entry_points
from typing import Any


class PluginError(ValueError):
    """There is nothing of that name, or it cannot be loaded; the message says what there is."""


def load_plugin(group: str, name: str) -> Any:
    """Return what a group's entry point of that name, or `module:attribute`, stands for.

    Raises:
        PluginError: there is none; the message names those that are there.

    """
    points = list(entry_points(group=group, name=name))
    if ":" in name:
        points = [EntryPoint(name, name, group)]
    if not points:
        there = ", ".join(sorted(entry_points(group=group).names)) or "none"
        raise PluginError(
            f"{name!r} is no entry point of {group} (there are: {there}); what is not installed "
            "is named module:attribute"
        )
    try:
        return points[0].load()
    except (ImportError, AttributeError) as error:
        raise PluginError(f"{name!r} of {group} cannot be loaded: {error}") from error
