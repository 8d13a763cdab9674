"""`python -m benchmarks`: run all, print the bars, write the report."""

import argparse
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

from benchmarks import cores, machine, preparing, report
from benchmarks.section import Section
from benchmarks.workload import Workload, prepare
from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact

PARTS = (
    "preparing",
    "cores",
    "start",
    "memory",
    "encoder",
    "search",
    "overload",
    "ingest",
    "large",
    "unchanged",
    "peers",
    "qdrant",
)
OWN = ("gpu", "growth", "driver")
"""Parts that run only where they are named: they need a machine of their own, or hours."""


def main() -> int:
    """Measure what the arguments say; return 0, bars met or not; 130 where broken off."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="within five minutes")
    parser.add_argument("--only", nargs="*", choices=PARTS + OWN, help="these parts alone")
    parser.add_argument("--million", action="store_true", help="let the gallery grow to 1,000,000")
    parser.add_argument(
        "--growth",
        type=growing,
        default=(10_000, 100_000, 1_000_000),
        metavar="N,N",
        help="photos of the galleries of growth, each grown out of the one before",
    )
    parser.add_argument("--growth-rate", type=float, default=10.0, help="searches a second in it")
    parser.add_argument("--model", default="zoo-1", help="a model's name or folder")
    parser.add_argument("--out", type=Path, default=Path("out/bench"))
    arguments = parser.parse_args()
    wanted = set(arguments.only or PARTS)
    out: Path = arguments.out.resolve()
    for kept in ("qdrant", "tiny-data", "growth-data"):
        shutil.rmtree(out / kept, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    # SIGTERM as Ctrl-C: what was started is stopped on the way out.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        workload = prepare(out)
        run = Run(
            out,
            workload,
            arguments.model,
            wanted,
            quick=arguments.quick,
            million=arguments.million,
            growth=(arguments.growth, arguments.growth_rate),
        )
        run.alone()
        run.together()
        run.beside_peers()
    except KeyboardInterrupt:
        print("broken off", file=sys.stderr)
        return 130
    print(f"report: {out / 'report.md'}")
    return 0


def growing(text: str) -> tuple[int, ...]:
    """Read sizes that grow: whole numbers with commas between."""
    sizes = tuple(int(each) for each in text.split(","))
    if not sizes or sizes[0] < 1 or sorted(set(sizes)) != list(sizes):
        raise argparse.ArgumentTypeError("sizes grow from one to the next")
    return sizes


class Run:
    """One run: the sections in turn, each bar printed as soon as it is known."""

    def __init__(
        self,
        out: Path,
        workload: Workload,
        model: str,
        wanted: set[str],
        *,
        quick: bool,
        million: bool,
        growth: tuple[tuple[int, ...], float],
    ) -> None:
        self._out, self._workload, self._model, self._wanted = out, workload, model, wanted
        self._artefact = ModelArtefact.load(model)
        self._seconds = 6.0 if quick else 20.0
        self._storm = 10.0 if quick else 60.0
        self._growth = growth
        self._many = (1_000, 5_000) if quick else (1_000, 50_000)
        self._bulk = 1_280 if quick else 5_120
        self._large = 60 if quick else 480
        self._unchanged = 10_000 if quick else 100_000
        sizes = (1_000, 10_000, 100_000, 1_000_000)
        self._sizes = sizes if million else sizes[: 2 if quick else 3]
        self._about = machine.describe()
        self._command = f"python -m benchmarks {' '.join(sys.argv[1:])}".strip()
        self._figures: dict[str, Any] = {}
        self.sections: list[Section] = []

    # Libraries that only some parts need are imported where they are: `preparing` and `cores`
    # run on machines that have little installed.

    def alone(self) -> None:
        """Measure what needs the machine without the services, or with services of its own."""
        if "preparing" in self._wanted:
            self._done(preparing.measure(self._workload, self._artefact, self._seconds))
        if "cores" in self._wanted:
            seconds = self._seconds / 2
            self._done(cores.measure(self._out, self._workload, self._model, seconds))
        if "gpu" in self._wanted:
            from benchmarks import gpu  # noqa: PLC0415 - see above

            seconds = self._seconds / 5
            self._done(gpu.measure(self._out, self._workload, self._artefact, seconds))
        if "start" in self._wanted:
            from benchmarks import footprint  # noqa: PLC0415 - see above

            self._done(footprint.start(self._out, self._model))
        if "memory" in self._wanted:
            from benchmarks import ingesting  # noqa: PLC0415 - see above

            self._done(ingesting.memory(self._out, self._workload.photos, self._many))

        if "growth" in self._wanted:
            from benchmarks import growth  # noqa: PLC0415 - see above

            self._done(growth.measure(self._out, self._workload, self._model, *self._growth))
        if "driver" in self._wanted:
            from benchmarks import growth  # noqa: PLC0415 - see above

            self._done(growth.driver(self._out, self._growth[0]))

    def together(self) -> None:
        """Measure what needs the services."""
        if not self._wanted - {"preparing", "cores", "start", "memory", *OWN}:
            return
        import numpy as np  # noqa: PLC0415 - see above

        from benchmarks import footprint, ingesting, serving, vectors  # noqa: PLC0415 - see above
        from benchmarks.bare import BareLoop  # noqa: PLC0415 - see above
        from benchmarks.services import running  # noqa: PLC0415 - see above

        workload, artefact, seconds = self._workload, self._artefact, self._seconds
        with running(self._out, workload.folder, self._model) as parts:
            if self._wanted & {"encoder", "peers"}:
                self._done(serving.encoder(workload, parts, artefact, seconds))
            if self._wanted & {"search", "overload"}:
                self._done(serving.search(workload, parts, artefact, seconds))
            if "overload" in self._wanted:
                p50 = self._figures["search_p50_seconds"]
                self._done(serving.overload(workload, parts, p50, self._storm))
            if "ingest" in self._wanted:
                self._done(
                    ingesting.measure(
                        self._out, workload, parts, artefact, count=self._bulk, seconds=seconds
                    )
                )
            if "large" in self._wanted:
                self._done(ingesting.large(self._out, workload, parts, artefact, count=self._large))
            if "unchanged" in self._wanted:
                self._done(ingesting.unchanged(self._out, parts, artefact, count=self._unchanged))
            if "qdrant" in self._wanted:
                bare = BareLoop.open(artefact, Modality.PHOTO)
                embeddings = np.stack([bare.embed(photo) for photo in workload.photos])
                growth = vectors.Growth(
                    self._out, workload.folder / "sketch", artefact.fingerprint, self._sizes
                )
                self._done(vectors.measure(embeddings, parts, growth))
            self._done(footprint.memory(parts, len(workload.photos)))

    def beside_peers(self) -> None:
        """Measure other servers with the same model and the same photos."""
        if "peers" in self._wanted:
            from benchmarks import peers  # noqa: PLC0415 - see above

            logs = self._out / "logs"
            self._done(
                peers.measure(self._workload, self._model, self._figures, self._seconds, logs)
            )

    def _done(self, section: Section) -> None:
        self.sections.append(section)
        self._figures |= section.figures
        for bar in section.bars:
            print(bar, flush=True)
        if not section.bars:
            print("\n".join(section.notes), flush=True)
        # After each section, so that a run that is broken off leaves what it has measured.
        report.write(self._out, self.sections, self._about, self._command)


if __name__ == "__main__":
    sys.exit(main())
