"""The root command: lists what is registered, loads what is called."""

import functools
import os
import sys
from typing import Annotated, Any

import typer
from typer.main import get_command

import sketchzoo
from sketchzoo.cli.app import App, SectionedCommand, SectionedGroup
from sketchzoo.cli.command import Command, Registered, UnusableError, registered
from sketchzoo.cli.status import UNUSABLE, end


class LazyGroup(SectionedGroup):
    """A group of the registered commands, each imported when it is called."""

    @functools.cached_property
    def _registered(self) -> dict[str, Registered]:
        return registered()

    def _described(self, name: str) -> Command:
        try:
            return self._registered[name].describe()
        except UnusableError as error:
            return Command("", f"({error})")

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of the commands whose code is installed, in the help's order."""
        here = {
            name: self._described(name) for name, each in self._registered.items() if each.is_here
        }
        return sorted(here, key=lambda name: (here[name].place, name))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - click's signature
        """Return a placeholder with the command's line, which is all that the help needs."""
        if cmd_name not in self._registered:
            return None
        return SectionedCommand(cmd_name, help=self._described(cmd_name).help)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Load the command that is being run; an unknown one fails as in any group."""
        name = args[0]
        command = self._registered.get(name)
        if command is None:
            return super().resolve_command(ctx, args)
        ctx.invoked_subcommand = name  # known before it is loaded, which may fail
        try:
            described = command.describe()
            if described.posix_only and sys.platform == "win32":
                end(name, "does not run on Windows itself: run it in WSL 2 or in Docker", UNUSABLE)
            loaded = get_command(command.load(described))
        except UnusableError as error:
            end(name, error, UNUSABLE)
        loaded.name = name
        loaded.help = loaded.help or described.help
        return name, loaded, args[1:]

    def invoke(self, ctx: Any) -> Any:
        """Run a command; what a user can set right ends in one line, also where it shows late.

        An extra that is not installed, a file that cannot be opened.
        """
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            called = self._registered[ctx.invoked_subcommand]
            missing = called.missing(called.describe(), error)
            if missing is None:
                raise
            end(ctx.invoked_subcommand, missing, UNUSABLE)
        except OSError as error:
            if error.filename is None:
                raise
            end(ctx.invoked_subcommand, error, UNUSABLE)


app = App(
    cls=LazyGroup,
    no_args_is_help=True,
    add_completion=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Draw an animal, get its photos.",
)


def _say_version(asked: bool) -> None:  # noqa: FBT001 - typer's form
    if asked:
        typer.echo(f"sketchzoo {sketchzoo.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            "-V",
            callback=_say_version,
            is_eager=True,
            help="Print the version and stop.",
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line."""
    # Below errors, gRPC's core writes lines of its own about peers that cannot be talked to.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    app(prog_name="sketchzoo")
