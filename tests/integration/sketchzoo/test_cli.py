"""The command line as a process."""

import subprocess
import sys

import pytest

from sketchzoo.cli.main import COMMANDS


def sketchzoo(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sketchzoo", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_help_lists_every_command() -> None:
    """A stranger sees what there is."""
    finished = sketchzoo("--help")
    assert finished.returncode == 0
    for name in COMMANDS:
        assert name in finished.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help(name: str) -> None:
    """Each command of the table can be loaded and explains itself."""
    finished = sketchzoo(name, "--help")
    assert finished.returncode == 0, finished.stderr
    assert "Usage" in finished.stdout


def test_an_unknown_command_is_refused() -> None:
    """A typing error ends with status 2 and names what was typed."""
    finished = sketchzoo("serach")
    assert finished.returncode == 2
    assert "serach" in finished.stderr


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_loads_nothing_heavy(name: str) -> None:
    """No help text waits for torch, onnxruntime, numpy or grpc to load."""
    code = (
        "import sys; from sketchzoo.cli import main; sys.argv = ['sketchzoo'] + "
        f"[a for a in [{name!r}] if a] + ['--help']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'onnxruntime', 'qdrant_client', 'grpc', 'numpy'} & sys.modules.keys()\n"
        "sys.exit(f'loaded {sorted(heavy)}' if heavy else 0)"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert finished.returncode == 0, finished.stderr
