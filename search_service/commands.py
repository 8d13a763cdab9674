"""The command `sketchzoo search`."""

from search_service.settings import SearchSettings
from sketchzoo.cli.app import App
from sketchzoo.cli.options import check_place, with_settings
from sketchzoo.cli.status import FAILED, UNUSABLE, end

app = App()


@app.command()
@with_settings(SearchSettings)
def search(settings: SearchSettings) -> None:
    """Serve searches over gRPC: a sketch in, twelve photos out.

    Needs an encoder and a Qdrant (or embedded Qdrant) with an ingested gallery; until
    they are there, health says NOT_SERVING. Stops on SIGTERM or Ctrl-C after calls under
    way have ended. Exit status 2: a port is taken or a file is missing; one line on
    stderr says which. Exit status 1: its processes ended again and again.
    """
    # Here, so that --help stays quick.
    from search_service.bootstrap import run  # noqa: PLC0415
    from sketchzoo.group.processes import GroupError  # noqa: PLC0415

    try:
        check_place("--gallery-roots-file", settings.gallery_roots_file)
        run(settings)
    except (OSError, ValueError) as error:
        end("search", error, UNUSABLE)
    except GroupError as error:
        end("search", error, FAILED)
