"""Start and memory: how soon a part serves, and how much it holds."""

import time
from pathlib import Path

from benchmarks.bar import Bar
from benchmarks.section import Section
from local_stack.parts import Parts, encoder
from local_stack.settings import UpSettings
from local_stack.stack import Server, Stack

_MIB = 2**20


def start(out: Path, model: str) -> Section:
    """Measure the encoder's seconds from its process's start to SERVING, best of three."""
    times: list[float] = []
    for _ in range(3):
        part = encoder(UpSettings(data=out, model=model))
        with Stack(out / "logs") as stack:
            begin = time.perf_counter()
            stack.start(part)
            stack.wait_serving(stack.listening(part))
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


def resident(server: Server) -> int:
    """Return the resident bytes of a part's process."""
    return int(Path(f"/proc/{server.pid}/statm").read_text().split()[1]) * 4096


def open_files(server: Server) -> int:
    """Return how many files and sockets that process has open."""
    return len(list(Path(f"/proc/{server.pid}/fd").iterdir()))
