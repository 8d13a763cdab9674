"""A cluster of one's own: on this machine, for one run. Importing this does not import Ray."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Self

from sketchzoo.address import listen
from sketchzoo.parent import end_with_parent
from sketchzoo_ingest.ray.environment import prepare

_ALL = "0.0.0.0"  # noqa: S104 - a port that is free on every address
_START_SECONDS = 180.0
# Nothing in it is wanted after the run: who asks for longer is ended.
_STOP_SECONDS = 1.0
_STARTS = 3


class OwnCluster:
    """A cluster of one machine, this one, while the context is open.

    It starts as the context opens, beside what this process does meanwhile: importing Ray takes
    as long. It ends with this process, however that ends.

    Raises:
        OSError: this machine has no folder, port or process for it.

    """

    def __init__(self, object_store_bytes: int, cpus: int | None = None) -> None:
        self._object_store_bytes = object_store_bytes
        self._cpus = cpus
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        prepare(own=True)
        # Its sockets lie there, whose paths may have but 107 characters.
        folder = tempfile.TemporaryDirectory(prefix="sz-ray-", ignore_cleanup_errors=True)
        self._folder = Path(self._opened.enter_context(folder))
        try:
            self._start(_STARTS)
        except OSError:
            self._opened.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def address(self) -> str:
        """Return its address, host:port, once it takes workers.

        It is started again where it does not come up: Ray gives its own processes 15 seconds,
        which a machine under load may not have the first time.

        Raises:
            OSError: it does not start.

        """
        import ray  # noqa: PLC0415 - see the module

        for left in reversed(range(_STARTS)):
            if self._is_up():
                # Not loopback's: Ray calls this machine by the one address, whatever is asked for.
                return f"{ray.util.get_node_ip_address()}:{self._port}"  # type: ignore[no-untyped-call] # Ray's
            _end(self._process)
            if left:
                self._start(left)
        told = self._log.read_text("utf-8", "replace").strip().splitlines()
        raise OSError(f"Ray does not start on this machine: {(told or ['?'])[-1]}")

    def _start(self, left: int) -> None:
        self._port = _free_port()
        self._session = self._folder / str(left)
        self._log = self._folder / f"start-{left}.log"
        options = {
            "port": self._port,
            "include-dashboard": "false",
            "include-log-monitor": "false",
            # Any: others on this machine have theirs.
            "min-worker-port": 0,
            "max-worker-port": 0,
            "object-store-memory": self._object_store_bytes,
            "temp-dir": self._session,
            **({} if self._cpus is None else {"num-cpus": self._cpus}),
        }
        with self._log.open("wb") as out:
            self._process = subprocess.Popen(  # noqa: S603 - Ray's own command
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
        self._opened.callback(_end, self._process)

    def _is_up(self) -> bool:
        """Wait until a node takes workers; tell whether it does."""
        until = time.monotonic() + _START_SECONDS
        while self._process.poll() is None and time.monotonic() < until:
            if any(self._session.glob("session_latest/sockets/raylet*")):
                return True
            time.sleep(0.1)
        return False


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
