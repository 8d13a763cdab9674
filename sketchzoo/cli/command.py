"""A command: what a package registers of it, told without loading it.

    [project.entry-points."sketchzoo.commands"]
    weigh = "zoo_scales.registration:WEIGH"

An installed package adds a command by an entry point of this group, which leads to a `Command`
in a module that imports nothing slow: `sketchzoo --help` loads those of all.
"""

import re
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import Any

GROUP = "sketchzoo.commands"
_OWN = "sketchzoo"


@dataclass(frozen=True, slots=True)
class Command:
    """Where a command is defined (`module:app`, a Typer) and what it does, in one line.

    Help lists commands by `place`, then by name. `extra` is its package's extra that brings all
    that it needs, where that is not the smallest one with what is missing. `posix_only` tells
    that it does not run on Windows.
    """

    target: str
    help: str
    place: int = 1000
    extra: str | None = None
    posix_only: bool = False


class UnusableError(Exception):
    """A command cannot be run; the message says why."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A command that an installed package has registered, loaded no further than needed."""

    entry: EntryPoint

    @property
    def is_here(self) -> bool:
        """Tell whether its code is installed: an image has every registration and one room."""
        return find_spec(self._package) is not None

    def describe(self) -> Command:
        """Return what its package says of it.

        Raises:
            UnusableError: its package is not here, or broken.

        """
        if not self.is_here:
            raise UnusableError(f"{self._package} is not installed here")
        try:
            command = self.entry.load()
        except Exception as error:
            raise self._broken(error) from error
        if not isinstance(command, Command):
            raise self._broken(TypeError(f"{self.entry.value} is no {__name__}.Command"))
        return command

    def load(self, command: Command) -> Any:
        """Return its Typer.

        Raises:
            ModuleNotFoundError: what one of its package's extras brings is not installed.
            UnusableError: its package is broken.

        """
        module, _, attribute = command.target.partition(":")
        try:
            return getattr(import_module(module), attribute)
        except Exception as error:
            if isinstance(error, ModuleNotFoundError) and self.missing(command, error):
                raise
            raise self._broken(error) from error

    def missing(self, command: Command, error: ModuleNotFoundError) -> str | None:
        """Return what to install for a module that is not there, None where nothing is known."""
        extras: dict[str, list[str]] = {}
        for requirement in (self.entry.dist and self.entry.dist.requires) or ():
            plain = re.sub(r"[-_.]+", "-", requirement).lower()
            if found := re.match(r"([\w-]+).*;.*\bextra == [\"']([\w-]+)", plain):
                extras.setdefault(found[2], []).append(f"{found[1]}-")
        module = (error.name or "").partition(".")[0].lower().replace("_", "-")
        bringing = [
            extra
            for extra, packages in extras.items()
            if any(package.startswith(f"{module}-") for package in packages)
        ]
        if not bringing:
            return None
        smallest = min(bringing, key=lambda extra: len(extras[extra]))
        extra = command.extra if command.extra in bringing else smallest
        return f"needs {error.name}: pip install '{self._distribution}[{extra}]'"

    @property
    def _package(self) -> str:
        return self.entry.module.partition(".")[0]

    @property
    def _distribution(self) -> str:
        return self.entry.dist.name if self.entry.dist else self._package

    def _broken(self, error: Exception) -> UnusableError:
        said = " ".join(str(error).split())
        return UnusableError(f"{self._distribution} is broken: {type(error).__name__}: {said}")


def registered() -> dict[str, Registered]:
    """Return the commands by name; of two packages' with one name this project's, if one is."""
    entries = sorted(
        entry_points(group=GROUP),
        key=lambda entry: (entry.dist is not None and entry.dist.name == _OWN, entry.value),
    )
    return {entry.name: Registered(entry) for entry in entries}
