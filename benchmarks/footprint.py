"""Start and memory: how soon a part serves, and how much it holds."""

import time
from pathlib import Path

from benchmarks.bar import Bar
from benchmarks.section import Section
from sketchzoo.cli.parts import Parts, compose
from sketchzoo.cli.settings import UpSettings
from sketchzoo.cli.stack import Part, Stack

_MIB = 2**20


def start(out: Path, model: str) -> Section:
    """Measure the encoder's seconds from its process's start to SERVING, best of three."""
    times: list[float] = []
    for _ in range(3):
        parts = compose(UpSettings(data=out, model=model))
        with Stack(out / "logs") as stack:
            begin = time.perf_counter()
            stack.start(parts.encoder)
            stack.wait_serving(parts.encoder)
            times.append(time.perf_counter() - begin)
    return Section(
        "Start of the encoder to SERVING",
        ("run", "seconds"),
        [(str(number), seconds) for number, seconds in enumerate(times, 1)],
        [Bar("encoder_start_seconds", min(times), "<=", 2)],
    )


def memory(parts: Parts, size: int) -> Section:
    """Measure every service's resident memory after the runs before."""
    services = {part.name: resident(part) for part in (parts.search, parts.encoder, parts.qdrant)}
    return Section(
        "Memory after the runs above",
        ("service", "MiB"),
        [(name, held / _MIB) for name, held in services.items()],
        [Bar("search_memory_mib", services["search"] / _MIB, "<=", 150)],
        [f"resident set; a gallery of {size} photos"],
    )


def resident(part: Part) -> int:
    """Return the resident bytes of the process that serves a part."""
    return int((_process(part) / "statm").read_text().split()[1]) * 4096


def open_files(part: Part) -> int:
    """Return how many files and sockets that process has open."""
    return len(list((_process(part) / "fd").iterdir()))


def _process(part: Part) -> Path:
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            command = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if part.name in command and str(part.port) in command:
            return folder
    raise LookupError(f"no process of {part.name} listens on {part.port}")
