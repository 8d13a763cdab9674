"""What the command line shows of this room before it is loaded."""

from sketchzoo.cli.command import Command

LIVE = Command("live_demo.commands:app", "Serve the page to draw on.", place=90, posix_only=True)
