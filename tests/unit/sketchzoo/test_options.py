"""Settings as a command's options."""

from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import Field
from pydantic_settings import SettingsConfigDict
from typer.testing import CliRunner

from sketchzoo.cli.app import App
from sketchzoo.cli.options import with_settings
from sketchzoo.settings import Port, Settings
from sketchzoo.token import Token


class PartSettings(Settings):
    model_config = SettingsConfigDict(env_prefix="SKETCHZOO_PART_")

    port: Port = Field(50051, description="Port to listen on.")
    roots: tuple[Path, ...] = Field((), description="Folders.")
    secret: Token | None = Field(None, description="A secret.")
    wait: bool = Field(default=True, description="Wait for it.")
    shared: str = Field("a", validation_alias="SKETCHZOO_SHARED", description="Shared by parts.")


def run(*arguments: str) -> tuple[Any, Any]:
    app = App()
    seen: list[PartSettings] = []

    @app.command()
    @with_settings(PartSettings)
    def part(settings: PartSettings, name: str = typer.Argument("x")) -> None:
        seen.append(settings)

    result = CliRunner().invoke(app, list(arguments))
    return (seen[0] if seen else None), result


def test_defaults_are_the_settings_own() -> None:
    """A command without options runs with the settings' defaults."""
    settings, _ = run()
    assert settings == PartSettings()


def test_options_set_fields() -> None:
    """Numbers, lists of paths, secrets and switches are all given as options."""
    settings, _ = run("--port", "1", "--roots", "a", "--roots", "b", "--secret", "s", "--no-wait")
    assert settings.port == 1
    assert settings.roots == (Path("a"), Path("b"))
    assert settings.secret.get_secret_value() == "s"
    assert settings.wait is False


def test_the_environment_sets_what_no_option_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each field is an environment variable; an option wins over it."""
    monkeypatch.setenv("SKETCHZOO_PART_PORT", "7")
    monkeypatch.setenv("SKETCHZOO_SHARED", "b")
    settings, _ = run("--shared", "c")
    assert (settings.port, settings.shared) == (7, "c")


def test_help_names_the_environment_variable_and_the_default() -> None:
    """A stranger learns from --help how else to set an option."""
    _, result = run("--help")
    text = " ".join(result.output.replace("│", " ").split())
    assert "SKETCHZOO_PART_PORT" in text
    assert "50051" in text
    assert "SKETCHZOO_SHARED" in text


def test_a_refused_value_names_its_option(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong port ends the command with status 2 and a message that names it."""
    monkeypatch.setenv("SKETCHZOO_PART_PORT", "70000")
    settings, result = run()
    assert settings is None
    assert result.exit_code == 2
    assert "--port" in result.output
    assert "SKETCHZOO_PART_PORT" in result.output


def test_a_refused_secret_names_its_variable_and_is_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A token that no header can carry is told by the setting's name alone."""
    monkeypatch.setenv("SKETCHZOO_PART_SECRET", "open\nsesame")
    settings, result = run()
    assert settings is None
    assert result.exit_code == 2
    assert "SKETCHZOO_PART_SECRET" in result.output
    assert "no header" in result.output
    assert "sesame" not in result.output
