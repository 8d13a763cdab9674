"""The command `sketchzoo embedded-qdrant`."""

from embedded_qdrant.settings import EmbeddedQdrantSettings
from sketchzoo.cli.app import App
from sketchzoo.cli.options import with_settings
from sketchzoo.cli.status import UNUSABLE, end

app = App()

# Exit statuses of its own.
STORAGE_IN_USE = 3
STORAGE_DAMAGED = 4
NOT_CLOSED = 5


@app.command()
@with_settings(EmbeddedQdrantSettings)
def serve(settings: EmbeddedQdrantSettings) -> None:
    """Serve Qdrant's gRPC API from a folder, without a Qdrant server.

    Any Qdrant client with gRPC can use it. One process serves a folder at a time.
    Exit status: 0 asked to stop, 2 wrong options, a taken port or a missing file, 3 the
    folder is in use by another process, 4 the folder is damaged and nothing in it can be
    served, 5 asked to stop, but a collection could not be closed in order.
    """
    # Here, so that `--help` does not wait for the engine.
    from embedded_qdrant.bootstrap import run  # noqa: PLC0415
    from embedded_qdrant.catalogue import StorageError  # noqa: PLC0415
    from embedded_qdrant.damage import DamagedCollectionError  # noqa: PLC0415
    from embedded_qdrant.files import StorageInUseError  # noqa: PLC0415

    try:
        run(settings)
    except StorageInUseError as error:
        end("embedded-qdrant", error, STORAGE_IN_USE)
    except DamagedCollectionError as error:
        end("embedded-qdrant", error, STORAGE_DAMAGED)
    except StorageError as error:
        end("embedded-qdrant", error, NOT_CLOSED)
    except OSError as error:
        end("embedded-qdrant", error, UNUSABLE)
