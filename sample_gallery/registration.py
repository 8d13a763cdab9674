"""What the command line shows of this room before it is loaded."""

from sketchzoo.cli.command import Command

SAMPLE = Command(
    "sample_gallery.commands:app",
    "Draw or fetch photos to try things with.",
    place=40,
    posix_only=True,
)
