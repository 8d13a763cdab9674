"""The cluster: connected to, or started on this machine for one run."""

import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

import ray

from sketchzoo.address import listen
from sketchzoo.parent import end_with_parent
from sketchzoo_ingest.ray.environment import is_own, prepare
from sketchzoo_ingest.settings import IngestSettings

_ALL = "0.0.0.0"  # noqa: S104 - a port that is free on every address
_START_SECONDS = 180.0
_STOP_SECONDS = 5.0
_ANSWER_SECONDS = 10.0
_STARTS = 3


@contextmanager
def cluster(settings: IngestSettings) -> Iterator[None]:
    """Be connected to the cluster in the context.

    Raises:
        OSError: it cannot be reached or started; the message says which.

    """
    if not is_own(settings):
        address = settings.ray_address or os.environ["RAY_ADDRESS"]
        try:
            _check_listening(address)
            _connect(address)
        except Exception as error:
            # Of many kinds without a base in common: whatever it is, there is no cluster.
            raise OSError(f"no Ray cluster answers at {address}: {_first(error)}") from error
        try:
            yield
        finally:
            ray.shutdown()
        return
    with own_cluster(settings.ray_object_store_bytes) as address:
        _connect(address)
        try:
            yield
        finally:
            ray.shutdown()


@contextmanager
def own_cluster(object_store_bytes: int, cpus: int | None = None) -> Iterator[str]:
    """Run a cluster of one machine, this one, in the context; its address is given.

    It is started again where it does not come up: Ray gives its own processes 15 seconds, which
    a machine under load may not have the first time.

    It ends with this process, however that ends.

    Raises:
        OSError: it does not start.

    """
    prepare(own=True)
    with ExitStack() as opened:
        # Its sockets lie there, whose paths may have but 107 characters.
        folder = Path(
            opened.enter_context(
                tempfile.TemporaryDirectory(prefix="sz-ray-", ignore_cleanup_errors=True)
            )
        )
        for left in reversed(range(_STARTS)):
            port = _free_port()
            log = folder / f"start-{left}.log"
            process = _start(folder / str(left), log, port, object_store_bytes, cpus)
            opened.callback(_end, process)
            if _is_up(process, folder / str(left)):
                break
            _end(process)
            if not left:
                told = log.read_text("utf-8", "replace").strip().splitlines()
                raise OSError(f"Ray does not start on this machine: {(told or ['?'])[-1]}")
        # Not loopback's: Ray calls this machine by the one address, whatever is asked for.
        yield f"{ray.util.get_node_ip_address()}:{port}"  # type: ignore[no-untyped-call] # Ray's


def _start(
    folder: Path, log: Path, port: int, object_store_bytes: int, cpus: int | None
) -> "subprocess.Popen[bytes]":
    options = {
        "port": port,
        "include-dashboard": "false",
        "include-log-monitor": "false",
        # Any: others on this machine have theirs.
        "min-worker-port": 0,
        "max-worker-port": 0,
        "object-store-memory": object_store_bytes,
        "temp-dir": folder,
        **({} if cpus is None else {"num-cpus": cpus}),
    }
    with log.open("wb") as out:
        return subprocess.Popen(  # noqa: S603 - Ray's own command
            [
                *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"),
                *("--no-monitor", "--disable-usage-stats"),
                *(f"--{name}={value}" for name, value in options.items()),
            ],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            # Ctrl-C is for the run, which needs its cluster until it has stopped.
            start_new_session=True,
            # `ray start` ends its processes then.
            preexec_fn=partial(end_with_parent, signal.SIGTERM),  # noqa: PLW1509 - no lock
        )


def _is_up(process: "subprocess.Popen[bytes]", folder: Path) -> bool:
    """Wait until a node takes workers; tell whether it does."""
    until = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < until:
        if any(folder.glob("session_latest/sockets/raylet*")):
            return True
        time.sleep(0.1)
    return False


def workers(settings: IngestSettings) -> int:
    """Return how many workers the job has."""
    if settings.ray_workers is not None:
        return settings.ray_workers
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call] # Ray's
    cpus = resources.get("CPU", 1.0) - settings.ray_encoders * settings.ray_encoder_cpus
    return max(1, int(cpus / (settings.ray_worker_cpus or 1.0)))


def _check_listening(address: str) -> None:
    """Refuse at once where nobody listens: Ray itself tries for minutes."""
    host, _, port = address.rpartition(":")
    if port.isdecimal():  # `auto` is looked up by Ray
        socket.create_connection((host.strip("[]"), int(port)), _ANSWER_SECONDS).close()


def _connect(address: str) -> None:
    # What processes of the cluster print is in their logs: this one's output is a report.
    ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End what `ray start` began: it leads a group of processes, and waits for each in turn."""
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _free_port() -> int:
    (server,) = listen(_ALL, 0, 1)
    with server:
        port: int = server.getsockname()[1]
        return port


def _first(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
