"""The group `sketchzoo gallery`; what a command needs is loaded when it runs."""

from sketchzoo.cli.app import App
from sketchzoo_ingest.gallery_commands import collections, galleries, photos, serving

app = App(
    help="Add photos to a gallery and change them; inspect, publish, copy and drop galleries.",
    no_args_is_help=True,
)
photos.add_to(app)
serving.add_to(app)
galleries.add_to(app)
collections.add_to(app)
