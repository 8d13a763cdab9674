"""The table of commands; each is loaded when it is called, so that `--help` is quick."""

import os
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

import sketchzoo


@dataclass(frozen=True, slots=True)
class Command:
    """Where a command is defined (`module:app`) and what it does, in one line.

    `calls` are the settings that name what it acts on: those not given come from the stack
    that runs, if one does. Where `calling` is given, only with that argument.
    """

    target: str
    help: str
    calls: tuple[str, ...] = ()
    calling: str | None = None

    def acts_on_stack(self, arguments: list[str]) -> bool:
        """Tell whether these arguments, the name left out, ask for something that is running."""
        if not self.calls or not {"--help", "-h"}.isdisjoint(arguments):
            return False
        return self.calling is None or self.calling in arguments


# The options of those settings.
_OPTIONS = {
    "SKETCHZOO_SEARCH_TARGET": "--target",
    "SKETCHZOO_ENCODER_TARGET": "--encoder-target",
    "SKETCHZOO_QDRANT_URL": "--qdrant-url",
}


# The command line shows the rooms but imports none: names only, loaded on call.
COMMANDS = {
    "up": Command("sketchzoo.cli.up:app", "Start encoder, embedded Qdrant, search and live page."),
    "demo": Command("sketchzoo.cli.demo:app", "Start all, ingest a gallery, run example sketches."),
    "query": Command(
        "sketchzoo.cli.query:app",
        "Search with a sketch or a photo from a terminal.",
        calls=("SKETCHZOO_SEARCH_TARGET",),
    ),
    "gallery": Command("gallery.commands:app", "Draw or fetch a gallery of photos."),
    "ingest": Command(
        "ingest.commands:app",
        "Write a gallery's photos into Qdrant.",
        calls=("SKETCHZOO_ENCODER_TARGET", "SKETCHZOO_QDRANT_URL"),
    ),
    "encoder": Command("encoder_service.commands:app", "Serve embeddings of sketches and photos."),
    "search": Command("search_service.commands:app", "Serve searches."),
    "embedded-qdrant": Command("embedded_qdrant.commands:app", "Serve Qdrant's API in-process."),
    "live": Command(
        "live_demo.commands:app",
        "Serve the page to draw on.",
        calls=("SKETCHZOO_QDRANT_URL",),
        calling="map",
    ),
    "health": Command("sketchzoo.cli.health:app", "Ask a server whether it serves."),
    "data": Command("training.commands:data", "Inspect photos and sketches for training."),
    "train": Command("training.commands:train", "Train a Siamese network."),
    "evaluate": Command("training.commands:evaluate", "Measure P@12 of a model or a service."),
    "study": Command("training.commands:study", "Run the study's experiments and draw its charts."),
}


class LazyGroup(TyperGroup):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the commands' names in the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - click's signature
        """Return a placeholder with the command's line, which is all that the help needs."""
        command = COMMANDS.get(cmd_name)
        return None if command is None else typer.core.TyperCommand(cmd_name, help=command.help)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Load the command that is being run; an unknown one fails as in any group."""
        command = COMMANDS.get(args[0])
        if command is None:
            return super().resolve_command(ctx, args)
        if command.acts_on_stack(args[1:]):
            _find_stack(command, args)
        module, _, attribute = command.target.partition(":")
        loaded = get_command(getattr(import_module(module), attribute))
        loaded.name = args[0]
        loaded.help = loaded.help or command.help
        return args[0], loaded, args[1:]


def _find_stack(command: Command, arguments: list[str]) -> None:
    """Set what was not given, by option or variable, to the stack that runs."""
    from sketchzoo.cli.running import UnclearError, find  # noqa: PLC0415 - only where needed

    given = {argument.partition("=")[0] for argument in arguments}
    open_settings = [
        name for name in command.calls if not os.environ.get(name) and _OPTIONS[name] not in given
    ]
    if not open_settings:
        return
    try:
        stack = find()
    except UnclearError as error:
        raise typer.BadParameter(f"{error}, or give {_OPTIONS[open_settings[0]]}") from error
    if stack is not None:
        for name in open_settings:
            os.environ[name] = stack.environment[name]


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="Draw an animal, get its photos.",
)


@app.callback()
def _root(
    version: bool = typer.Option(  # noqa: FBT001 - typer's form
        default=False, help="Print the version and stop.", is_eager=True
    ),
) -> None:
    if version:
        typer.echo(sketchzoo.__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line."""
    app(prog_name="sketchzoo")
