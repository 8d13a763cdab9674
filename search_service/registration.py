"""What the command line shows of this room before it is loaded."""

from sketchzoo.cli.command import Command

SEARCH = Command("search_service.commands:app", "Serve searches.", place=70, posix_only=True)
