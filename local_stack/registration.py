"""What the command line shows of this room before it is loaded."""

from sketchzoo.cli.command import Command

UP = Command(
    "local_stack.commands:up",
    "Start every part on this machine.",
    place=10,
    posix_only=True,
)
DEMO = Command(
    "local_stack.commands:demo",
    "Start all, ingest a gallery, run example sketches.",
    place=20,
    posix_only=True,
)
