"""What the command line shows of the shared package's own commands before they are loaded."""

from sketchzoo.cli.command import Command

QUERY = Command(
    "sketchzoo.cli.query:app", "Search with a sketch or a photo from a terminal.", place=30
)
BENCH = Command(
    "sketchzoo.cli.bench:app", "Measure a running search service under load.", place=102
)
HEALTH = Command("sketchzoo.cli.health:app", "Ask a server whether it serves.", place=100)
