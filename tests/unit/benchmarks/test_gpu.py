"""The GPU's benchmark: what it keeps where a part of it fails."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks import gpu
from benchmarks.workload import Workload
from sketchzoo.model import ModelArtefact


def test_what_was_measured_outlasts_a_part_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The machine is lent once: a broken part is named, and the others have their bars, printed."""

    def alone(section: Any, *_: object) -> None:
        section.rows.append(("runtime opened, seconds", 7.0))
        raise RuntimeError("CUDA error: an illegal memory access")

    def served(found: dict[str, float], *_: Any, processes: int, **__: Any) -> None:
        found["start_seconds"] = float(processes)
        if processes > 1:
            raise RuntimeError("encoder did not serve within 60 s")
        found["photos_32_a_call"] = 5500.0

    monkeypatch.setattr(gpu, "_alone", alone)
    monkeypatch.setattr(gpu, "_served", served)
    workload = Workload(tmp_path, [], [])
    section = gpu.measure(tmp_path, workload, ModelArtefact.load("zoo-1"), 1.0)
    assert ("runtime opened, seconds", 7.0) in section.rows
    assert ("start_seconds, 4 processes", 4.0) in section.rows
    assert [bar.name for bar in section.bars] == ["gpu_start_seconds", "gpu_photos_32_a_call"]
    broken = [note for note in section.notes if "broke off" in note]
    assert len(broken) == 2
    assert "illegal memory access" in broken[0]
    assert "4 processes" in broken[1]
    printed = capsys.readouterr().out
    assert "photos_32_a_call, 1 processes: 5500" in printed
    assert all(note in printed for note in broken)


@pytest.mark.parametrize(
    ("codes", "printed"),
    [
        ({"OK": 7}, ""),
        (
            {"OK": 5, "RESOURCE_EXHAUSTED": 2},
            "search, 32 callers of 1: {'OK': 20, 'RESOURCE_EXHAUSTED': 8}\n",
        ),
    ],
)
def test_a_rate_says_what_was_not_answered(
    codes: dict[str, int],
    printed: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Of four load generators together; refusals and late answers are no slow model."""
    found = {"codes": codes, "answered_per_second": 10.0}
    monkeypatch.setattr(gpu, "load", lambda *_, **__: found)
    assert gpu._rate(("search", "127.0.0.1:1", Path()), 32, 1, 1.0) == 40.0
    assert capsys.readouterr().out == printed
