"""`sketchzoo live` as a process of its own."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

# A machine that runs other tests takes its time.
_STARTED_SECONDS = 90.0


class LiveProcess:
    """The gateway as an operator starts it, while the context is open."""

    def __init__(self, search_target: str, *arguments: str, **environment: str) -> None:
        self._command = [
            sys.executable,
            *("-c", "from sketchzoo.cli import main; main()"),
            *("live", "--port", "0", "--metrics-port", "0", "--log-format", "json"),
            *("--search-target", search_target, *arguments),
        ]
        self._environment = {**os.environ, **environment}
        self.port = self.metrics_port = 0

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._log = tempfile.NamedTemporaryFile("w+", suffix=".log")
        self.process = subprocess.Popen(
            self._command, stderr=self._log, stdout=self._log, env=self._environment
        )
        event = self._wait("listening")
        self.port, self.metrics_port = event["port"], event["metrics_port"]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        self._log.close()

    def stop(self) -> int:
        """Ask it to end, and return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait(5)

    @property
    def log(self) -> str:
        """What it has logged."""
        return Path(self._log.name).read_text()

    def _wait(self, event: str) -> dict[str, int]:
        end = time.monotonic() + _STARTED_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            for line in self.log.splitlines():
                if line.startswith("{") and json.loads(line).get("event") == event:
                    return dict(json.loads(line))
            time.sleep(0.05)
        self.stop()
        raise RuntimeError(f"the gateway did not start:\n{self.log}")
