"""The fuzzer: what it reports must be true of what it tried."""

from pathlib import Path

import pytest

from benchmarks import fuzz
from tests.artefacts import tiny_model


def test_a_run_counts_every_input_and_finds_nothing(tmp_path: Path) -> None:
    """Four hundred mutated files and drawings end in the documented ways."""
    outcomes, findings, _ = fuzz.run(0, 400, str(tiny_model(tmp_path).folder))
    assert sum(outcomes.values()) == 400
    assert findings == []
    assert outcomes["image prepared"] > 20
    assert outcomes["strokes drawn"] > 5


def test_an_undocumented_error_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder that breaks is reported with the seed that broke it."""

    def broken(content: bytes) -> None:
        raise MemoryError(f"{len(content)} bytes")

    monkeypatch.setattr(fuzz, "decode", broken)
    outcomes, findings, _ = fuzz.run(1, 3, str(tiny_model(tmp_path).folder))
    assert outcomes["image OTHER MemoryError"] == 3
    assert findings[0].startswith("seed 1 image: MemoryError")
