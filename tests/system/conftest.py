"""One stack for all system tests: built, started, filled."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deployment import ROOT
from tests.system.stack import Stack, composed, why_not


@pytest.fixture(scope="session")
def engine() -> None:
    """Skip with the reason where no engine can run the stack."""
    if reason := why_not():
        pytest.skip(reason)


@pytest.fixture(scope="session")
def drawn(engine: None) -> Iterator[Path]:
    """Draw a small gallery: `photo` and `sketch`, in a folder that containers can read."""
    folder = Path(tempfile.mkdtemp(prefix="sketchzoo-system-"))
    folder.chmod(0o755)
    command = [sys.executable, "-m", "sketchzoo", "sample", "draw", str(folder / "drawn")]
    subprocess.run([*command, "--pictures", "3", "--sketches", "1"], cwd=ROOT, check=True)
    yield folder / "drawn"
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def stack(drawn: Path) -> Iterator[Stack]:
    folder = drawn.parent / "sketchzoo"
    shutil.copytree(drawn / "photo", folder / "zoo")
    subprocess.run(["chmod", "-R", "o+rX", drawn.parent], check=True)
    with composed(folder) as running:
        yield running
