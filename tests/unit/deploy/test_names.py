"""What docs/operations and deploy/ name is there: settings, services, alerts, panels."""

import json
import re
import shlex
from pathlib import Path

import pytest
import yaml

from embedded_qdrant.settings import EmbeddedQdrantSettings
from encoder_service.settings import EncoderSettings
from live_demo.settings import LiveSettings, MapSettings
from search_service.settings import SearchSettings
from sketchzoo.cli.options import environment_name
from sketchzoo_ingest.gallery_commands.photos import PhotoSettings
from sketchzoo_ingest.gallery_commands.settings import CopySettings, GalleriesSettings
from sketchzoo_ingest.gallery_service.settings import GallerySettings
from sketchzoo_ingest.settings import IngestSettings
from tests.deployment import ROOT, SECRETS, read_compose, read_environment_file

SETTINGS = (
    CopySettings,
    EmbeddedQdrantSettings,
    EncoderSettings,
    GalleriesSettings,
    GallerySettings,
    IngestSettings,
    LiveSettings,
    MapSettings,
    PhotoSettings,
    SearchSettings,
)
FIELDS = {name for kind in SETTINGS for name in kind.model_fields}
VARIABLES = {environment_name(kind, name) for kind in SETTINGS for name in kind.model_fields}
PAGES = sorted((ROOT / "docs" / "operations").glob("*.md"))
RUNBOOK = (ROOT / "docs" / "operations" / "runbook.md").read_text()
EXAMPLE = read_environment_file()
SERVICES = read_compose({**EXAMPLE, **SECRETS})["services"]
# Options of `docker compose` commands that are followed by a value.
WITH_VALUE = {"-e", "-v", "--name", "--scale", "--since", "--entrypoint"}
COMMANDS = {"up", "run", "exec", "logs", "restart", "ps", "cp", "start", "stop", "rm"}


@pytest.mark.parametrize(
    "path",
    [
        *PAGES,
        ROOT / "docker-compose.yml",
        ROOT / "deploy" / "compose.tls.yml",
        ROOT / "deploy" / "Dockerfile",
    ],
    ids=lambda path: f"{path.parent.name}/{path.name}",
)
def test_settings_that_are_named_exist(path: Path) -> None:
    """A misspelt variable would be ignored in silence."""
    named = set(re.findall(r"\b(SKETCHZOO_[A-Z_]*[A-Z])\b", path.read_text()))
    assert named <= VARIABLES


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_compose_commands_name_services(path: Path) -> None:
    """Each `docker compose` command of a page is about services that there are."""
    text = path.read_text().replace("\\\n", " ")
    for line in re.findall(r"docker compose ([^`|<\n]+)", text):
        command, *words = shlex.split(line)
        assert command in COMMANDS, line
        names = services(words)
        if command == "cp":
            names = [each.split(":")[0] for each in names if ":" in each]
            assert len(names) == 1, line
        if command in {"run", "exec"}:
            assert names, line
            names = names[:1]
        assert set(names) <= set(SERVICES), line


def services(words: list[str]) -> list[str]:
    """Return what is no option of a command; the service that is scaled is one too."""
    found, before = [], ""
    for word in words:
        if before == "--scale":
            found.append(word.split("=")[0])
        elif before not in WITH_VALUE and not word.startswith("-"):
            found.append(word)
        before = word
    return found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_variables_of_the_environment_file_exist(path: Path) -> None:
    """What a page says to set in .env stands in .env.example."""
    named = re.findall(
        r"`([A-Z][A-Z_]*_(?:CPUS|MEMORY|TOKEN|KEY|PASSWORD|PORT))`", path.read_text()
    )
    assert set(named) <= set(EXAMPLE)


def test_the_install_page_names_every_tag() -> None:
    """What was not seen in a registry is listed, with the tags that are in use."""
    page = (ROOT / "docs" / "operations" / "install.md").read_text()
    images = {each["image"] for each in SERVICES.values()}
    foreign = {image for image in images if not image.startswith("sketchzoo/")}
    base = re.findall(r"PYTHON_IMAGE=(\S+)\n", (ROOT / "deploy" / "Dockerfile").read_text())[-1]
    assert {image for image in {*foreign, base} if f"`{image}`" not in page} == set()


def test_the_runbook_names_what_there_is() -> None:
    """Its alerts, panels, fields and reasons are those of rules, dashboards and parts."""
    groups = yaml.safe_load((ROOT / "deploy/prometheus/rules/alerts.yml").read_text())["groups"]
    alerts = {rule["alert"] for group in groups for rule in group["rules"]}
    patterns = re.findall(r"`((?:Search|Sketchzoo|Encoder|Qdrant|Ingest|One)\w+\*?)`", RUNBOOK)
    for alert in alerts:
        matching = [each for each in patterns if re.fullmatch(each.replace("*", ".*"), alert)]
        assert matching, f"{alert} is not in the runbook"
    for pattern in patterns:
        assert any(re.fullmatch(pattern.replace("*", ".*"), alert) for alert in alerts), pattern
    titles = {
        panel["title"]
        for path in (ROOT / "deploy" / "grafana" / "dashboards").glob("*.json")
        for panel in json.loads(path.read_text())["panels"]
    }
    assert set(re.findall(r'"([A-Z][^"]+)"', RUNBOOK)) <= titles
    fields = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", RUNBOOK))
    assert fields - FIELDS <= {"min_score", "request_id", "no_gallery", "model_mismatch"}
