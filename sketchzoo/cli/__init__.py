"""The command line: `sketchzoo <command>`."""

from sketchzoo.cli.main import main

__all__ = ["main"]
