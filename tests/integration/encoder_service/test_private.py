"""What the encoder says to nobody: its runtime has a line home, which is cut."""

from pathlib import Path

import pytest

from tests.artefacts import encoder_process, tiny_model


def test_the_runtime_reports_to_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime would note who this machine is below HOME, and send what it runs."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_CACHE_HOME", "CI", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS"):
        monkeypatch.delenv(name, raising=False)
    with encoder_process(tiny_model(tmp_path / "model").folder):
        pass
    assert list(home.rglob("*")) == []
