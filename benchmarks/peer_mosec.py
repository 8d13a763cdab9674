"""The model behind mosec: raw image bytes in, packed float32 out."""

import os

from mosec import Server, Worker

from benchmarks.bare import BareLoop
from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact


class Encoder(Worker):
    """One worker process: a session, one thread a run."""

    def __init__(self) -> None:
        artefact = ModelArtefact.load(os.environ["BENCH_MODEL"])
        self.loop = BareLoop.open(artefact, Modality.PHOTO)

    def deserialize(self, data: bytes) -> bytes:
        """Return the image file as it came."""
        return data

    def forward(self, data: bytes) -> bytes:
        """Embed."""
        return self.loop.embed(data).tobytes()

    def serialize(self, data: bytes) -> bytes:
        """Answer the packed vector as it is."""
        return data


def main() -> None:
    """Serve until SIGTERM; mosec reads the port from the command line."""
    server = Server()  # type: ignore[no-untyped-call] # mosec left it untyped
    server.append_worker(Encoder, num=os.cpu_count() or 1)
    server.run()  # type: ignore[no-untyped-call] # the same


if __name__ == "__main__":
    main()
