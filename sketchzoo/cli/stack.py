"""The stack: every part as a process of its own on this machine."""

import contextlib
import os
import signal
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


class StackError(RuntimeError):
    """A part did not start or has ended; the message names it and its log."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part to start: its command, where it listens and what its environment adds."""

    name: str
    arguments: tuple[str, ...]
    port: int
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Where it is called."""
        return f"127.0.0.1:{self.port}"


def free_port(wanted: int) -> int:
    """Return the wanted port if nothing listens there, else a free one."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return int(probe.getsockname()[1])
    raise StackError("this machine has no free port")


class Stack:
    """Runs parts as processes while the context is open; their logs go to files.

    On leaving, each is asked to stop (SIGTERM) in the reverse order of its start and
    ended after `grace_seconds`.
    """

    def __init__(self, logs: Path, grace_seconds: float = 15.0) -> None:
        self._logs = logs
        self._grace_seconds = grace_seconds
        self._running: list[tuple[Part, subprocess.Popen[bytes]]] = []

    def __enter__(self) -> Self:
        self._logs.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for _, process in reversed(self._running):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(self._grace_seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def log(self, part: Part) -> Path:
        """Return the file that a part logs to."""
        return self._logs / f"{part.name}.log"

    def start(self, part: Part) -> None:
        """Start a part; it is not ready yet."""
        with self.log(part).open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - our own command line
                [sys.executable, "-m", "sketchzoo", *part.arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **part.environment},
                # Ctrl-C is for this process, which then stops the parts in order.
                start_new_session=True,
            )
        self._running.append((part, process))

    def wait_serving(self, part: Part, timeout_seconds: float = 60.0) -> None:
        """Return when a part's gRPC health says SERVING.

        Raises:
            StackError: it has ended, or did not serve in time.

        """
        request = health_pb2.HealthCheckRequest()
        serving = health_pb2.HealthCheckResponse.SERVING
        end = time.monotonic() + timeout_seconds
        with grpc.insecure_channel(part.address) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            while time.monotonic() < end:
                self.check()
                with contextlib.suppress(grpc.RpcError):
                    if stub.Check(request, timeout=1.0).status == serving:
                        return
                time.sleep(0.05)
        raise StackError(
            f"{part.name} did not serve within {timeout_seconds:g} s: see {self.log(part)}"
        )

    def check(self) -> None:
        """Raise StackError where a part has ended."""
        for part, process in self._running:
            if process.poll() is not None:
                raise StackError(
                    f"{part.name} ended with status {process.returncode}: "
                    f"{self._last_line(part)} (log: {self.log(part)})"
                )

    def run(self, name: str, arguments: Sequence[str], environment: Mapping[str, str]) -> int:
        """Run a command to its end in this terminal; return its exit status."""
        finished = subprocess.run(  # noqa: S603 - our own command line
            [sys.executable, "-m", "sketchzoo", name, *arguments],
            env={**os.environ, **environment},
            check=False,
        )
        return finished.returncode

    def _last_line(self, part: Part) -> str:
        lines = self.log(part).read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"
