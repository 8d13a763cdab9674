"""What the command line shows of this room before it is loaded."""

from sketchzoo.cli.command import Command

EMBEDDED_QDRANT = Command(
    "embedded_qdrant.commands:app", "Serve Qdrant's API in-process.", place=80, posix_only=True
)
