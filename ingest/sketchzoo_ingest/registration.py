"""What the command line shows of this room before it is loaded."""

from sketchzoo.cli.command import Command

INGEST = Command(
    "sketchzoo_ingest.commands:app",
    "Write a gallery's photos into Qdrant.",
    place=50,
    posix_only=True,
)
