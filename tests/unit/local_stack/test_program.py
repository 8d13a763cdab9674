"""How the command line is called, as hints say it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local_stack.program import program


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a virtual environment's folder of programs, which is not on the path."""
    scripts = tmp_path / ".venv" / "bin"
    scripts.mkdir(parents=True)
    script = scripts / "sketchzoo"
    script.write_text("#!/bin/sh\necho ran\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.chdir(tmp_path)
    return scripts


def ran(hint: str) -> str:
    return subprocess.run(hint, shell=True, capture_output=True, text=True, check=True).stdout  # noqa: S602 - as its reader would


def test_a_hint_can_be_typed_as_it_is(environment: Path) -> None:
    """Where nothing put the program on the path its place is told, from here."""
    assert program() == ".venv/bin/sketchzoo"
    assert ran(program()) == "ran\n"


def test_an_activated_environment_needs_the_name_alone(
    environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the documentation writes it."""
    monkeypatch.setenv("PATH", str(environment), prepend=os.pathsep)
    assert program() == "sketchzoo"
    assert ran(program()) == "ran\n"


def test_another_program_of_that_name_is_not_meant(
    environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is on the path may be an older installation."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "sketchzoo").write_text("#!/bin/sh\n")
    (other / "sketchzoo").chmod(0o755)
    monkeypatch.setenv("PATH", str(other), prepend=os.pathsep)
    assert program() == ".venv/bin/sketchzoo"
