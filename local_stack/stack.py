"""The stack: every part as a process of its own on this machine."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from local_stack import guardian
from local_stack.logfile import last_problem
from local_stack.stopping import Stopped, check_stopped
from sketchzoo.proxy import proxy_options

_HOST = "127.0.0.1"
_POLL_SECONDS = 0.05


class StackError(RuntimeError):
    """A part did not start or has ended; the message names it and its log."""


# The parts of one machine's stack call each other in plain text: what the user trusts elsewhere
# is for servers elsewhere.
_PLAIN = {
    f"SKETCHZOO_{server}_{name}": ""
    for server in ("TLS", "ENCODER_CALL", "QDRANT")
    for name in ("CA", "CLIENT_CERTIFICATE", "CLIENT_KEY")
}


@dataclass(frozen=True, slots=True)
class Part:
    """A part to start: its command, the port it should have and what its environment adds.

    Where the port is taken it gets a free one, as with port 0.
    """

    name: str
    arguments: tuple[str, ...]
    port: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Server:
    """A part that listens."""

    name: str
    port: int
    pid: int

    @property
    def address(self) -> str:
        """Where it is called."""
        return f"{_HOST}:{self.port}"


class Stack:
    """Runs parts as processes while the context is open; their logs go to files.

    On leaving, each is asked to stop (SIGTERM) in the reverse order of its start and ended
    after `grace_seconds`. Whatever ends this process, its guardian ends all that it started, and
    holds the open file `lock` until then.
    """

    def __init__(self, logs: Path, *, lock: int | None = None, grace_seconds: float = 15.0) -> None:
        self._logs = logs
        self._kept = () if lock is None else (lock,)
        self._grace_seconds = grace_seconds
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._asked_ports: dict[str, int] = {}

    def __enter__(self) -> Self:
        self._logs.mkdir(parents=True, exist_ok=True)
        self._guardian = subprocess.Popen(  # noqa: S603 - our own command line
            [sys.executable, "-I", "-S", guardian.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=0,
            pass_fds=self._kept,
        )
        if self._guardian.stdout is None or self._guardian.stdout.read(1) != guardian.READY:
            raise StackError("the guardian, which ends the parts with this process, did not start")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # A second signal raises in here, and leaves the rest to the guardian at once.
        try:
            for process in reversed(self._running.values()):
                process.terminate()
                try:
                    process.wait(self._grace_seconds)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        finally:
            with contextlib.suppress(BrokenPipeError):
                self._guardian.communicate(guardian.DONE)
            for process in self._running.values():
                process.wait()

    def log(self, name: str) -> Path:
        """Return the file that a part logs to."""
        return self._logs / f"{name}.log"

    def start(self, part: Part) -> None:
        """Start a part; `listening` tells where it listens, once it does."""
        self._launch(part, part.port if _is_free(part.port) else 0)

    def listening(self, part: Part, timeout_seconds: float = 60.0) -> Server:
        """Return a part once it listens.

        A port that another program took meanwhile is replaced by a free one.

        Raises:
            StackError: it has ended, or did not listen in time.

        """
        end = time.monotonic() + timeout_seconds
        while time.monotonic() < end:
            process = self._running[part.name]
            with contextlib.suppress(FileNotFoundError, ValueError):
                port = int(self._port_file(part).read_text())
                self._port_file(part).unlink()
                return Server(part.name, port, process.pid)
            # Port 0 can't be taken: who ended with it ended for another reason.
            if process.poll() is not None and not _is_free(self._asked_ports[part.name]):
                self._launch(part, 0)
            self.check()
            time.sleep(_POLL_SECONDS)
        raise self._late(part.name, "listen", timeout_seconds)

    def wait_serving(self, server: Server, timeout_seconds: float = 60.0) -> None:
        """Return when a part's gRPC health says SERVING.

        Raises:
            StackError: it has ended, or did not serve in time.

        """
        request = health_pb2.HealthCheckRequest()
        serving = health_pb2.HealthCheckResponse.SERVING
        end = time.monotonic() + timeout_seconds
        with grpc.insecure_channel(server.address, proxy_options(server.address)) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            while time.monotonic() < end:
                self.check()
                with contextlib.suppress(grpc.RpcError):
                    if stub.Check(request, timeout=1.0).status == serving:
                        return
                time.sleep(_POLL_SECONDS)
        raise self._late(server.name, "serve", timeout_seconds)

    def check(self) -> None:
        """Raise StackError where a part has ended, Stopped where a signal came."""
        check_stopped()
        for name, process in self._running.items():
            if process.poll() is not None:
                raise StackError(
                    f"{name} ended with status {process.returncode}: "
                    f"{last_problem(self.log(name))} (log: {self.log(name)})"
                )
        if self._guardian.poll() is not None:
            raise StackError("the guardian, which ends the parts with this process, has ended")

    def run_until_stopped(self) -> None:
        """Return when this process is asked to stop.

        Raises:
            StackError: a part has ended before.

        """
        with contextlib.suppress(Stopped):
            while True:
                self.check()
                time.sleep(1.0)

    def run(self, name: str, arguments: Sequence[str], environment: Mapping[str, str]) -> int:
        """Run a command to its end in this terminal; return its exit status.

        Raises:
            StackError: a part has ended meanwhile.

        """
        process = self._spawn([name, *arguments], environment)
        # Among the parts, so that it is stopped before them.
        self._running[f"sketchzoo {name}"] = process
        while process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(1.0)
            check_stopped()
        del self._running[f"sketchzoo {name}"]
        self.check()
        return process.returncode

    def _launch(self, part: Part, port: int) -> None:
        self._asked_ports[part.name] = port
        file = self._port_file(part)
        file.unlink(missing_ok=True)
        arguments = [*part.arguments, "--port", str(port), "--port-file", str(file)]
        with self.log(part.name).open("wb") as log:
            self._running[part.name] = self._spawn(arguments, part.environment, log.fileno())

    def _spawn(
        self, arguments: Sequence[str], environment: Mapping[str, str], log: int | None = None
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - our own command line
            # Whatever lies in the user's folder is no module.
            [sys.executable, "-P", "-m", "sketchzoo", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=None if log is None else subprocess.STDOUT,
            env={**os.environ, **_PLAIN, **environment},
            # Ctrl-C is for this process's group alone, which then stops the parts in order.
            process_group=self._guardian.pid,
        )

    def _port_file(self, part: Part) -> Path:
        return self._logs / f"{part.name}.port"

    def _late(self, name: str, what: str, seconds: float) -> StackError:
        return StackError(
            f"{name} did not {what} within {seconds:g} s: {last_problem(self.log(name))} "
            f"(log: {self.log(name)})"
        )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            return False
    return True
