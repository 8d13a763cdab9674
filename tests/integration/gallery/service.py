"""`sketchzoo gallery serve` in a process of its own, which may be killed and started again."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

SECONDS = 120.0
COMMAND = (sys.executable, "-m", "sketchzoo", "gallery", "serve")


class GalleryService:
    """The service while the context is open, with a store in `folder`."""

    def __init__(self, folder: Path, environment: dict[str, str], **settings: object) -> None:
        self.store = folder / "kept"
        self._port_file = folder / "port"
        self._log = folder / "gallery.log"
        self._environment = {
            **os.environ,
            **environment,
            "SKETCHZOO_GALLERY_PORT": "0",
            "SKETCHZOO_GALLERY_METRICS_PORT": "0",
            "SKETCHZOO_GALLERY_PORT_FILE": str(self._port_file),
            "SKETCHZOO_GALLERY_STORE": str(self.store),
            "SKETCHZOO_GALLERY_CHECK_SECONDS": "0.1",
            **{f"SKETCHZOO_GALLERY_{name}".upper(): str(text) for name, text in settings.items()},
        }
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, *, serving: bool = True) -> None:
        """Start it and wait until it listens, and serves."""
        self._port_file.unlink(missing_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                COMMAND, env=self._environment, stderr=log, stdout=subprocess.DEVNULL
            )
        end = time.monotonic() + SECONDS
        while not (self._port_file.exists() and self._port_file.read_text()):
            assert self._process.poll() is None, self.log
            assert time.monotonic() < end, self.log
            time.sleep(0.02)
        self.port = int(self._port_file.read_text())
        if serving:
            self.wait_serving()

    def wait_serving(self) -> None:
        end = time.monotonic() + SECONDS
        with grpc.insecure_channel(self.target) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            request = health_pb2.HealthCheckRequest()
            while stub.Check(request, timeout=SECONDS).status != 1:
                assert time.monotonic() < end, self.log
                time.sleep(0.02)

    def kill(self) -> None:
        """End it as a loss of power does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """Ask it to stop; return its exit status."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(SECONDS)

    def kept(self) -> set[str]:
        """Return the keys of the files in the store."""
        return {
            str(path.relative_to(self.store))
            for path in self.store.rglob("*")
            if path.is_file() and ".incoming" not in path.parts
        }

    def leftovers(self) -> list[str]:
        """Return what lies in the store's folder for what is under way."""
        return sorted(path.name for path in (self.store / ".incoming").iterdir())

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()
