"""What the command line shows of this room before it is loaded."""

from sketchzoo.cli.command import Command

ENCODER = Command(
    "encoder_service.commands:app",
    "Serve embeddings of sketches and photos.",
    place=60,
    posix_only=True,
)
