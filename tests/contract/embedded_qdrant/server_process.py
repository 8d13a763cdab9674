"""Embedded Qdrant in a process of its own, as users run it."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

START_SECONDS = 300.0


class ServerProcess:
    """`sketchzoo embedded-qdrant` on a free port, while the context is open."""

    def __init__(self, path: Path, **settings: object) -> None:
        self.path = path
        self._settings = {
            f"SKETCHZOO_EMBEDDED_QDRANT_{name.upper()}": str(value)
            for name, value in settings.items()
        }
        self.port = 0
        self.log: list[dict[str, object]] = []
        self._listening = threading.Event()

    def start(self) -> None:
        """Start and wait until it listens."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sketchzoo", "embedded-qdrant", "--path", str(self.path)],
            env={
                **os.environ,
                "SKETCHZOO_EMBEDDED_QDRANT_PORT": "0",
                "SKETCHZOO_LOG_FORMAT": "json",
                "SKETCHZOO_LOG_LEVEL": "info",
                **self._settings,
            },
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._listening.wait(START_SECONDS):
            self.kill()
            raise AssertionError(f"no port in {START_SECONDS} s: {self.log}")

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            try:
                event = json.loads(line)
            except ValueError:
                event = {"event": line}
            if event.get("event") == "call":
                continue
            self.log.append(event)
            if event.get("event") == "listening":
                self.port = int(event["port"])
                self._listening.set()
        self._listening.set()

    def events(self, name: str, collection: str | None = None) -> list[dict[str, object]]:
        """Return the log's events of one name, of one collection or of all."""
        return [
            event
            for event in self.log
            if event.get("event") == name and collection in (None, event.get("collection"))
        ]

    def wait_for(
        self, name: str, collection: str | None = None, count: int = 1, seconds: float = 300.0
    ) -> None:
        """Wait until an event was logged so often."""
        end = time.monotonic() + seconds
        while len(self.events(name, collection)) < count:
            assert time.monotonic() < end, f"no {name!r} in {seconds} s: {self.log}"
            time.sleep(0.02)

    def kill(self) -> None:
        """End it as a crash would."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to end and return its exit status."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        status = self.process.wait(120)
        self._reader.join()
        assert self.process.stderr is not None
        self.process.stderr.close()
        return status

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.stop()
