"""`sketchzoo up` and `demo` as processes, with all that they start."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

MARK = "SKETCHZOO_TEST_MARK"
FREE_PORTS = {f"SKETCHZOO_UP_{part}_PORT": "0" for part in ("ENCODER", "SEARCH", "QDRANT", "LIVE")}
# An office: a proxy that leads nowhere.
DEAD_PROXY = dict.fromkeys(
    ("http_proxy", "https_proxy", "grpc_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9"
)


@dataclass(frozen=True, slots=True)
class StackProcess:
    """A command that starts a stack; `mark` is in the environment of all that it starts."""

    process: subprocess.Popen[bytes]
    data: Path
    mark: str
    out: Path

    def started(self) -> list[psutil.Process]:
        """Return what it has started and what those have, whoever their parent is now."""
        return [each for each in psutil.process_iter() if self._is_ours(each)]

    def wait_for(self, what: Callable[[list[str]], bool], seconds: float = 60.0) -> None:
        """Return once a process that it started has such a command line."""
        end = time.monotonic() + seconds
        while not any(what(command(each)) for each in self.started()):
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < end, self.said()
            time.sleep(0.01)

    def wait_published(self, seconds: float = 90.0) -> dict[str, str]:
        """Return the stack's addresses once other commands can find them."""
        end = time.monotonic() + seconds
        while True:
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < end, self.said()
            # One that was killed leaves its file behind.
            with contextlib.suppress(OSError, ValueError):
                content = json.loads((self.data / "stack.json").read_text())
                if content["pid"] == self.process.pid and "environment" in content:
                    return dict(content["environment"])
            time.sleep(0.02)

    def wait_up(self, seconds: float = 90.0) -> None:
        """Return once it has said that all is up."""
        end = time.monotonic() + seconds
        while "Ctrl-C stops all." not in self.said():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < end, self.said()
            time.sleep(0.02)

    def end(self, number: int, seconds: float = 30.0) -> list[psutil.Process]:
        """Send a signal; return what lives two seconds after this command has ended."""
        self.process.send_signal(number)
        self.process.wait(seconds)
        end = time.monotonic() + 2
        while (alive := self.started()) and time.monotonic() < end:
            time.sleep(0.02)
        return alive

    def said(self) -> str:
        """Return what it has printed."""
        return self.out.read_text(errors="replace")

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return (
                process.pid != self.process.pid
                and process.environ().get(MARK) == self.mark
                and process.status() != psutil.STATUS_ZOMBIE
            )
        except psutil.Error:
            return False


def command(process: psutil.Process) -> list[str]:
    """Return a process's command line, empty where it has gone."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@contextmanager
def stack_process(
    name: str, *arguments: str, data: Path, environment: Mapping[str, str] | None = None
) -> Iterator[StackProcess]:
    """Start `sketchzoo up` or `demo` on free ports; whatever is left at the end is killed."""
    mark = uuid.uuid4().hex
    out = data.with_name(f"{data.name}.{mark[:8]}.txt")
    # Tests that run under nohup hand on that a closed terminal is to be ignored; these ask for it.
    heard = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    with out.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "sketchzoo", name, "--data", str(data), *arguments],
            env={**os.environ, **FREE_PORTS, **DEAD_PROXY, MARK: mark, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    signal.signal(signal.SIGHUP, heard)
    stack = StackProcess(process, data, mark, out)
    try:
        yield stack
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        for each in stack.started():
            each.kill()
