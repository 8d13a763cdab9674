"""`sketchzoo gallery serve`: the gallery service."""

from sketchzoo.cli.app import App
from sketchzoo.cli.options import with_settings
from sketchzoo.cli.status import UNUSABLE, end
from sketchzoo_ingest.gallery_service.settings import GallerySettings


def add_to(app: App) -> None:
    """Add the command to the group."""
    app.command("serve")(serve)


@with_settings(GallerySettings)
def serve(settings: GallerySettings) -> None:
    """Serve galleries over gRPC: photos are added, changed and deleted one by one.

    Needs an encoder and a Qdrant (or embedded Qdrant); until they are there, health says
    NOT_SERVING. Stops on SIGTERM or Ctrl-C after what was taken is settled. Exit status 2: a
    port is taken, or an option, a file or the store cannot be used.
    """
    # Here, so that --help stays quick.
    from sketchzoo_ingest.gallery_service.bootstrap import run  # noqa: PLC0415

    try:
        run(settings)
    except (OSError, ValueError, ImportError) as error:
        end("gallery serve", error, UNUSABLE)
