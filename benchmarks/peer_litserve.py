"""The model behind LitServe: JSON with base64 in and out, the way that its docs show."""

import argparse
import base64
import os
from typing import Any

import litserve

from benchmarks.bare import BareLoop
from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact


class Encoder(litserve.LitAPI):  # type: ignore[misc] # LitServe is untyped
    """One worker: a session, one thread a run."""

    def setup(self, device: str) -> None:
        """Load the model."""
        del device
        artefact = ModelArtefact.load(os.environ["BENCH_MODEL"])
        self.loop = BareLoop.open(artefact, Modality.PHOTO)

    # LitServe reads the annotation: JSON comes where there is none.
    def decode_request(self, request):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
        """Return the image file."""
        return base64.b64decode(request["image"])

    def predict(self, content: bytes) -> bytes:
        """Embed."""
        return self.loop.embed(content).tobytes()

    def encode_response(self, output: bytes) -> Any:
        """Answer the packed vector."""
        return {"embedding": base64.b64encode(output).decode()}


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    server = litserve.LitServer(
        Encoder(), accelerator="cpu", workers_per_device=os.cpu_count() or 1
    )
    server.run(
        host="127.0.0.1", port=parser.parse_args().port, generate_client_file=False,
        log_level="warning",
    )  # fmt: skip


if __name__ == "__main__":
    main()
