"""The services under test: real processes, started as `sketchzoo up` starts them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from local_stack.parts import Parts, encoder, start
from local_stack.settings import UpSettings
from local_stack.stack import Stack


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables while the context is open, for what is started in it."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def of_processes(count: int) -> AbstractContextManager[None]:
    """Have encoders and search services started of so many processes each; 0 is by the cores."""
    parts = ("ENCODER", "SEARCH")
    return environment({f"SKETCHZOO_{part}_PROCESSES": str(count) for part in parts})


@contextmanager
def running(out: Path, gallery: Path, model: str) -> Iterator[Parts]:
    """Run encoder, embedded Qdrant and search with an ingested gallery; logs below `out`."""
    os.environ["SKETCHZOO_LOG_LEVEL"] = "warning"
    settings = UpSettings(data=out, model=model)
    with Stack(out / "logs") as stack:
        parts = start(stack, settings, [gallery])
        for part in (parts.qdrant, parts.encoder):
            stack.wait_serving(part)
        ingest(gallery, parts)
        stack.wait_serving(parts.search)
        yield parts


@contextmanager
def encoding(out: Path, model: str) -> Iterator[str]:
    """Run the encoder alone; yields its address."""
    os.environ["SKETCHZOO_LOG_LEVEL"] = "warning"
    part = encoder(UpSettings(data=out, model=model))
    with Stack(out / "logs") as stack:
        stack.start(part)
        server = stack.listening(part)
        stack.wait_serving(server)
        yield server.address


def ingest(source: Path, parts: Parts, *arguments: str) -> dict[str, Any]:
    """Ingest a folder; return the job's report."""
    finished = subprocess.run(
        [sys.executable, "-m", "sketchzoo", "ingest", str(source), "--json", "-", *arguments],
        env={**os.environ, **parts.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    report: dict[str, Any] = json.loads(finished.stdout)
    return report


def load(kind: str, target: str, folder: Path, **options: float) -> dict[str, Any]:
    """Run the load generator in a process of its own; return its figures."""
    arguments = [item for name, value in options.items() for item in (f"--{name}", str(value))]
    finished = subprocess.run(
        [sys.executable, "-m", "benchmarks.load", kind, target, str(folder), *arguments],
        stdout=subprocess.PIPE,
        check=True,
    )
    figures: dict[str, Any] = json.loads(finished.stdout)
    return figures
