"""What deploy/Dockerfile and docker-compose.yml say, read for tests."""

import json
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
# What .env.example leaves to be filled in.
SECRETS = {
    "QDRANT_API_KEY": "a-key",
    "QDRANT_READ_ONLY_API_KEY": "a-key-that-reads",
    "GALLERY_TOKEN": "a-token",
    "GRAFANA_PASSWORD": "a-password",
}
IMAGES = ("encoder", "encoder-gpu", "search", "ingest", "gallery", "live-demo", "map")


@dataclass(frozen=True)
class Stage:
    """A stage of a Dockerfile with what it has from the one it stands on."""

    base: str
    environment: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    copies: tuple[tuple[str, str, str], ...] = ()
    runs: tuple[str, ...] = ()
    user: str = ""
    workdir: str = "/"
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    healthcheck: tuple[str, ...] | None = None
    exposed: tuple[str, ...] = ()


def read_dockerfile(path: Path = ROOT / "deploy" / "Dockerfile") -> dict[str, Stage]:
    """Return the stages by name; ValueError on an instruction that is not known here."""
    text = re.sub(r"^\s*#.*\n", "", path.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    arguments: dict[str, str] = {}
    stages: dict[str, Stage] = {}
    name, stage = "", Stage("")
    for line in filter(None, map(str.strip, text.splitlines())):
        word, rest = line.split(None, 1)
        if word == "ARG":
            key, _, value = rest.partition("=")
            arguments[key] = value
        elif word == "FROM":
            base, _, name = rest.partition(" AS ")
            for key, value in arguments.items():
                base = base.replace(f"${{{key}}}", value)
            stage = replace(stages[base], base=base) if base in stages else Stage(base)
            # Copies and runs belong to the stage itself.
            stage = replace(stage, copies=(), runs=())
        else:
            stage = _read(stage, word, rest)
        if name:
            stages[name] = stage
    return stages


def _read(stage: Stage, word: str, rest: str) -> Stage:
    def copied() -> tuple[tuple[str, str, str], ...]:
        *options, source, target = rest.split()
        origin = options[0].removeprefix("--from=") if options else ""
        return (*stage.copies, (origin, source, target))

    def checked() -> tuple[str, ...]:
        return () if rest == "NONE" else tuple(json.loads(rest.split("CMD", 1)[1]))

    readers: dict[str, tuple[str, Callable[[], Any]]] = {
        "ENV": ("environment", lambda: {**stage.environment, **_pairs(rest)}),
        "LABEL": ("labels", lambda: {**stage.labels, **_pairs(rest)}),
        "COPY": ("copies", copied),
        "RUN": ("runs", lambda: (*stage.runs, rest)),
        "USER": ("user", lambda: rest),
        "WORKDIR": ("workdir", lambda: rest),
        "ENTRYPOINT": ("entrypoint", lambda: tuple(json.loads(rest))),
        "CMD": ("command", lambda: tuple(json.loads(rest))),
        "EXPOSE": ("exposed", lambda: tuple(rest.split())),
        "HEALTHCHECK": ("healthcheck", checked),
    }
    if word not in readers:
        raise ValueError(f"{word} is not known to the tests")
    name, read = readers[word]
    return replace(stage, **{name: read()})


def _pairs(text: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in shlex.split(text))


def read_compose(
    environment: Mapping[str, str], path: Path = ROOT / "docker-compose.yml"
) -> dict[str, Any]:
    """Return a compose file with its variables filled in."""

    def fill(found: re.Match[str]) -> str:
        name, form, rest = found["name"], found["form"], found["rest"]
        value = environment.get(name, "")
        if not value and form == ":?":
            raise ValueError(f"{name}: {rest}")
        return value or (rest if form == ":-" else "")

    text = path.read_text()
    text = re.sub(r"(?<!\$)\$\{(?P<name>\w+)(?P<form>:[-?])?(?P<rest>[^}]*)\}", fill, text)
    composed: dict[str, Any] = yaml.safe_load(text.replace("$$", "$"))
    return composed


def read_environment_file(path: Path = ROOT / ".env.example") -> dict[str, str]:
    """Return the variables of an environment file."""
    lines = [line.strip() for line in path.read_text().splitlines()]
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def commands(page: str, start: str) -> str:
    """Return a page's code block from the line that starts so to its end."""
    text = (ROOT / "docs" / "operations" / page).read_text()
    first = re.escape(start).replace("\\\n", "\n(?P=indent)")
    found = re.search(rf"^(?P<indent> +){first}.*(?:\n(?P=indent).*)*", text, re.MULTILINE)
    assert found, f"{page} has no command {start}"
    return re.sub(r"^ +", "", found[0], flags=re.MULTILINE)
