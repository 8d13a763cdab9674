"""`evaluate --through-service` against the real services agrees with the library."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sketchzoo_training.commands import evaluate as app
from sketchzoo_training.evaluate import through
from tests.artefacts import encoder_process, picture, tiny_model
from tests.contract.embedded_qdrant.server_process import ServerProcess
from tests.integration.search_service.stack import CLASSES, fill, search_process, write_photos

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def report(*arguments: str | Path) -> dict[str, Any]:
    result = CliRunner().invoke(app, [*map(str, arguments), "--json", "-"])
    assert result.exit_code == 0, result.stderr
    figures: dict[str, Any] = json.loads(result.stdout)
    return figures


def test_service_and_library_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole rankings, fetched page by page from real processes, give the library's figures."""
    monkeypatch.setattr(through, "PAGE", 32)
    paths = write_photos(tmp_path / "photo", 90)
    for seed in range(24):
        sketch = tmp_path / "sketch" / CLASSES[seed % len(CLASSES)] / f"{seed}-1.jpg"
        sketch.parent.mkdir(parents=True, exist_ok=True)
        # The first twelve are photos of the gallery over again, the others nobody's.
        sketch.write_bytes(picture(seed if seed < 12 else 1000 + seed))
    model = tiny_model(tmp_path / "model", dimension=16)
    folders = ("--gallery", tmp_path, "--queries", tmp_path)
    library = report("--model", model.folder, *folders)
    with (
        ServerProcess(tmp_path / "qdrant") as qdrant,
        encoder_process(model.folder) as encoder,
    ):
        url = f"http://127.0.0.1:{qdrant.port}"
        asyncio.run(fill(encoder.target, url, paths))
        with search_process(encoder.target, url) as search:
            search.wait_serving()
            service = report("--through-service", "--search-target", search.target, *folders)
    assert service["fingerprint"] == library["fingerprint"]
    assert (service["queries"], service["photos"]) == (24, 90)
    for metric in ("p@12", "map", "recall@1", "p@1", "p@5"):
        assert service[metric] == pytest.approx(library[metric], abs=0.001)
