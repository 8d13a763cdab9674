"""`sketchzoo evaluate` as tests call it, and the colour model with focuses."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from sketchzoo.model import ModelArtefact
from sketchzoo.parts import Emphasis, Focus, Layout, Part
from sketchzoo_training.commands import evaluate as app


def run(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.stdout, result.stderr


def report_of(model: Path, gallery: Path, queries: Path, *more: str | Path) -> dict[str, Any]:
    code, out, err = run(
        "--model", model, "--gallery", gallery, "--queries", queries, "--json", "-", *more
    )
    assert code == 0, err
    report: dict[str, Any] = json.loads(out)
    return report


def with_focuses(folder: Path) -> ModelArtefact:
    """Say that red and green are what is shown, and blue how it is drawn."""
    layout = Layout(
        (Part("class", 2, 0.7), Part("shape", 1, 0.3)),
        {Focus.SUBJECT: Emphasis((1, 0), 0.8), Focus.SHAPE: Emphasis((0, 1))},
        Focus.SHAPE,
    )
    artefact = replace(ModelArtefact.load(folder), layout=layout)
    artefact.save_config()
    return artefact
