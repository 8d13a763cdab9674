"""How many cores a process may use."""

import os
from pathlib import Path

import pytest

from sketchzoo.cores import available_cores


@pytest.mark.parametrize(("limit", "cores"), [("100000 100000", 1), ("50000 100000", 1)])
def test_a_containers_quota_limits_the_cores(tmp_path: Path, limit: str, cores: int) -> None:
    """One core of many, or half of one, is one worker."""
    (tmp_path / "cpu.max").write_text(limit)
    assert available_cores(tmp_path / "cpu.max") == cores


@pytest.mark.parametrize("text", ["max 100000", "", "nonsense"])
def test_without_a_quota_the_affinity_counts(tmp_path: Path, text: str) -> None:
    """No quota, and anything unreadable, leaves every core the scheduler gives."""
    (tmp_path / "cpu.max").write_text(text)
    expected = len(os.sched_getaffinity(0))
    assert available_cores(tmp_path / "cpu.max") == expected
    assert available_cores(tmp_path / "absent") == expected
