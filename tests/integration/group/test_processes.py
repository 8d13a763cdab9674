"""A group's processes: what becomes of all where one can't go on, or all are asked to stop."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from multiprocessing.context import SpawnProcess
from pathlib import Path

import pytest

from tests.integration.group.family import members, metrics_folders, until
from tests.integration.group.works import group, stopped_at_once

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="others share no connections out"),
    # Starting several processes takes a busy machine minutes.
    pytest.mark.timeout(300),
]


def start(run: Callable[[Path, Path], None], model: Path, said: Path) -> SpawnProcess:
    process = multiprocessing.get_context("spawn").Process(target=run, args=(model, said))
    process.start()
    return process


def test_a_process_that_cannot_start_anew_ends_no_healthy_one(tmp_path: Path) -> None:
    """A model that is gone for a moment is a death like others; those that serve go on."""
    model, said = tmp_path / "model", tmp_path / "said"
    model.touch()
    process = start(group, model, said)
    try:
        until(lambda: said.exists() and "serving" in said.read_text(), "does not serve")
        first, other = members(process.pid or 0)
        model.rename(tmp_path / "away")
        os.kill(first, signal.SIGKILL)
        until(lambda: said.read_text().count("process ended") >= 2, "not tried anew")
        assert other in members(process.pid or 0)
        (tmp_path / "away").rename(model)
        until(lambda: said.read_text().count("told") == 3, "not started anew")
        assert other in members(process.pid or 0)
        os.kill(process.pid or 0, signal.SIGTERM)
        process.join(60)
        assert process.exitcode == 0
        assert f"{model}" in said.read_text()
        assert not metrics_folders(process.pid or 0)
    finally:
        process.kill()


def test_processes_that_never_start_anew_end_the_group(tmp_path: Path) -> None:
    """As such that end again and again: the line says why the last one could not."""
    model, said = tmp_path / "model", tmp_path / "said"
    model.touch()
    process = start(group, model, said)
    try:
        until(lambda: said.exists() and "serving" in said.read_text(), "does not serve")
        model.unlink()
        os.kill(members(process.pid or 0)[0], signal.SIGKILL)
        process.join(120)
        assert process.exitcode == 3
        (line,) = [each for each in said.read_text().splitlines() if each.startswith("GroupError")]
        assert line.startswith("GroupError: 4 processes have ended within 60 s, the last with ")
        assert str(model) in line
    finally:
        process.kill()


def test_asked_to_stop_before_anything_is_made_it_leaves_nothing(tmp_path: Path) -> None:
    """A signal may come at any moment of the start: it ends well, and nothing stays."""
    model = tmp_path / "model"
    model.touch()
    process = start(stopped_at_once, model, tmp_path / "said")
    process.join(120)
    assert process.exitcode == 0
    assert not metrics_folders(process.pid or 0)
