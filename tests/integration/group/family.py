"""A process's children as the system knows them, and calls that each take a connection."""

import os
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

import grpc.aio


def members(parent: int) -> list[int]:
    """Return the pids of a group's members: what its parent has spawned."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [int(pid) for pid in children if "spawn_main" in _command(int(pid))]


def family(parent: int) -> list[int]:
    """Return the pids of all children, helpers of the interpreter's among them."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [int(pid) for pid in children]


def is_gone(pid: int) -> bool:
    """Tell whether a process has ended; one that nobody has waited for yet has."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state in "ZX"


def metrics_folders(parent: int) -> list[Path]:
    """Return the folders in which a group keeps its metrics."""
    places = (Path("/dev/shm"), Path(tempfile.gettempdir()))  # noqa: S108 - as the group's own
    return [each for place in places for each in place.glob(f"sketchzoo-metrics-{parent}-*")]


def until(true: Callable[[], object], what: str, seconds: float = 60.0) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def own_channel(target: str) -> grpc.aio.Channel:
    """Open a channel with a connection of its own, where others to the same server share one."""
    return grpc.aio.insecure_channel(target, [("grpc.use_local_subchannel_pool", 1)])


def page(port: int) -> dict[str, float]:
    """Read a metrics page: values by series."""
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    found: dict[str, float] = {}
    for line in lines:
        if not line.startswith("#"):
            series, _, value = line.rpartition(" ")
            assert series not in found, f"{series} is there twice"
            found[series] = float(value)
    return found


def _command(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode()
    return ""


def memory(pid: int) -> int:
    """Return a process's resident memory in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
