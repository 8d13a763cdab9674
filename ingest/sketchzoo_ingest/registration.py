"""What the command line shows of this room before it is loaded."""

from sketchzoo.cli.command import Command

INGEST = Command(
    "sketchzoo_ingest.commands:app",
    "Write a gallery's photos into Qdrant.",
    place=50,
    posix_only=True,
)
GALLERY = Command(
    "sketchzoo_ingest.gallery_commands:app",
    "Add photos to galleries; list, copy and drop them.",
    place=55,
    posix_only=True,
)
