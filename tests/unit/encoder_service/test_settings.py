"""The encoder's settings."""

from typing import Any

import pytest
from pydantic import ValidationError

from encoder_service import bootstrap
from encoder_service.bootstrap import default_processes, default_queue_calls
from encoder_service.settings import EncoderSettings
from tests.unit.encoder_service.fakes import FakeRuntime


def test_every_setting_is_an_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """SKETCHZOO_ENCODER_ and the field's name."""
    monkeypatch.setenv("SKETCHZOO_ENCODER_QUEUE_CALLS", "7")
    monkeypatch.setenv("SKETCHZOO_ENCODER_MODEL", "models/mine")
    settings = EncoderSettings()
    assert (settings.queue_calls, settings.model) == (7, "models/mine")


@pytest.mark.parametrize(
    "wrong",
    [{"device": "tpu"}, {"workers": -1}, {"max_batch": 0}, {"runtime": "tf"}, {"model": ""}],
)
def test_nonsense_is_refused(wrong: dict[str, object]) -> None:
    """A wrong setting ends the start, not the first call."""
    with pytest.raises(ValidationError):
        EncoderSettings(**wrong)  # type: ignore[arg-type] # wrong on purpose


def test_the_queues_default_follows_workers_and_batches() -> None:
    """Eight calls a worker; where batches are run, enough for four."""
    assert default_queue_calls(2, FakeRuntime()) == 16
    assert default_queue_calls(2, FakeRuntime(max_batch=32)) == 128


@pytest.mark.parametrize(
    ("given", "processes"),
    [
        ({}, 16),
        ({"providers": ("cpu", "cuda")}, 16),
        ({"providers": ("cuda", "cpu")}, 4),
        ({"runtime": "torch"}, 4),
    ],
)
def test_few_processes_share_an_accelerator(
    given: dict[str, Any], processes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each holds the model there, by torch or by an execution provider; on the CPU cores tell."""
    monkeypatch.setattr(bootstrap, "default_size", lambda: 16)
    assert default_processes(EncoderSettings(**given)) == processes
