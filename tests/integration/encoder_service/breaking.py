"""An encoder whose device breaks at a certain run: `python -m ...breaking encoder`, as `sketchzoo`.

`BREAKS` says how: `error`, `hang` or `thread`; runs before the one that it comes to are answered.
"""

import os
import threading

import numpy as np

from encoder_service import bootstrap
from encoder_service.runtimes.base import DeviceError, Vectors
from sketchzoo.cli import main
from sketchzoo.images import Modality

_WARMING = 4


class BreakingRuntime:
    """Answers a unit vector, until it breaks."""

    name = "breaking"
    device = "cuda:0"
    max_batch = 4
    lanes = 1

    def __init__(self) -> None:
        self._runs = 0

    def embed(self, modality: Modality, images: object, *, alone: bool = False) -> Vectors:
        self._runs += 1
        if self._runs > _WARMING + 1:
            match os.environ["BREAKS"]:
                case "error":
                    raise DeviceError("cuda:0: CUDA error: an illegal memory access")
                case "hang":
                    threading.Event().wait()
                case "thread":
                    raise SystemExit("gone")
        vectors = np.zeros((len(images), 8), np.float32)  # type: ignore[arg-type] # they have a length
        vectors[:, 0] = 1
        return vectors


# In the processes of a group as well, which import this module anew.
bootstrap.open_runtime = lambda *_: BreakingRuntime()  # type: ignore[assignment]

if __name__ == "__main__":
    main()
