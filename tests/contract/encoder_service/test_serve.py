"""`serve`: an encoder's process, from its start to its end."""

from pathlib import Path

import pytest

from encoder_service.bootstrap import serve
from encoder_service.settings import EncoderSettings
from sketchzoo.group import ALONE
from tests.artefacts import tiny_model


async def test_what_keeps_an_encoder_from_saying_that_it_serves_is_its_end(tmp_path: Path) -> None:
    """The group that waits to hear of it is gone: no end by a signal, as if all were well."""
    tiny_model(tmp_path)
    settings = EncoderSettings(model=str(tmp_path), port=0, metrics_port=None, threads_alone=1)

    def told(**_: object) -> None:
        raise BrokenPipeError("nobody hears it")

    with pytest.raises(BrokenPipeError, match="nobody hears it"):
        await serve(settings, ALONE, told)
