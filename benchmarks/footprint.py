"""Start and memory: how soon a part serves, and how much it holds."""

import time
from pathlib import Path

from benchmarks.bar import Bar
from benchmarks.section import Section
from sketchzoo.cli.parts import Parts, compose
from sketchzoo.cli.settings import UpSettings
from sketchzoo.cli.stack import Stack

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
    """Measure the search service's resident memory after the runs before."""
    resident = _resident_of("search", parts)
    return Section(
        "Memory of the search service",
        ("photos", "MiB"),
        [(f"{size}", resident / _MIB)],
        [Bar("search_memory_mib", resident / _MIB, "<=", 150)],
        ["resident set after the load runs of this report"],
    )


def _resident_of(name: str, parts: Parts) -> int:
    port = str(parts.search.port)
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            command = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if name in command and port in command:
                pages = int((folder / "statm").read_text().split()[1])
                return pages * 4096
        except OSError:
            continue
    raise LookupError(f"no process of {name} listens on {port}")
