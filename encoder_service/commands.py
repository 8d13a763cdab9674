"""The command `sketchzoo encoder`."""

from encoder_service.settings import EncoderSettings
from sketchzoo.cli.app import App
from sketchzoo.cli.options import with_settings
from sketchzoo.cli.status import FAILED, UNUSABLE, end

app = App()


@app.command()
@with_settings(EncoderSettings)
def encoder(settings: EncoderSettings) -> None:
    """Serve embeddings of sketches and photos over gRPC.

    Stops on SIGTERM or Ctrl-C after calls under way have ended. Exit status 2: the model
    cannot be used, a port is taken or a file is missing; one line on stderr says which. Exit
    status 1: its processes ended again and again.
    """
    # Here, so that --help stays quick.
    from encoder_service.bootstrap import run  # noqa: PLC0415
    from sketchzoo.group.processes import GroupError  # noqa: PLC0415
    from sketchzoo.model_error import ModelError  # noqa: PLC0415

    try:
        run(settings)
    except (ModelError, OSError, ValueError) as error:
        end("encoder", error, UNUSABLE)
    except GroupError as error:
        end("encoder", error, FAILED)
