"""The Dockerfile: what each image holds, and as whom it runs."""

import re
import subprocess
import sysconfig
import tomllib
from pathlib import Path

import pytest

from tests.deployment import IMAGES, ROOT, read_dockerfile

STAGES = read_dockerfile()
BUILD = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]


def test_the_base_is_pinned_to_a_patch_release() -> None:
    """The one base image names a patch release, and can be given with its digest."""
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-[a-z]+", STAGES["base"].base)


def test_a_build_asks_no_registry_for_its_frontend() -> None:
    """A `# syntax=` line would, before anything is built; closed networks have none."""
    for path in ("deploy/Dockerfile", "tests/system/embedded-qdrant.Dockerfile"):
        text = (ROOT / path).read_text()
        assert not re.search(r"^#\s*syntax\s*=", text, re.MULTILINE | re.IGNORECASE)


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_runs_as_a_numeric_user(image: str) -> None:
    """Kubernetes can only tell that a numeric user is not root."""
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", STAGES[image].user)


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_holds_one_room(image: str) -> None:
    """Of the wheel each has what is shared and one room; models where one runs; no compiler."""
    stage = STAGES[image]
    own = {source for origin, source, _ in stage.copies if origin == "wheel"}
    own -= {"/models"} if image.startswith("encoder") else set()
    assert own > {"/shared"}
    (room,) = own - {"/shared"}
    assert ("wheel", room, f"/app/{room.removeprefix('/rooms/')}") in stage.copies
    others = {origin for origin, _, _ in stage.copies} - {"empty", "wheel"}
    assert others == {f"{image}-packages"}
    assert not stage.runs
    assert stage.labels["org.opencontainers.image.licenses"] == "Apache-2.0"


@pytest.mark.parametrize("name", [*(f"{image}-packages" for image in IMAGES), "wheel"])
def test_packages_come_from_a_lock_with_hashes(name: str) -> None:
    """Pip refuses what has no hash or would have to be built, and no registry is named."""
    stage = STAGES[name]
    assert stage.environment["PIP_ONLY_BINARY"] == ":all:"
    locked, *others = (run for run in stage.runs if " -m pip " in run)
    assert "--require-hashes" in locked
    assert all("--no-deps --no-index" in run for run in others)
    lock = stage.copies[0][1]
    text = (ROOT / lock).read_text()
    packages = re.findall(r"^[a-z0-9][\w.\[\]-]*==", text, re.MULTILINE | re.IGNORECASE)
    assert len(packages) > 4
    for block in re.split(r"\n(?=\S)", text):
        if "==" in block.split("\n")[0]:
            assert "--hash=sha256:" in block, block
    assert "://" not in text
    assert "index-url" not in text


@pytest.mark.parametrize("image", [image for image in IMAGES if image != "encoder-gpu"])
def test_only_the_gpu_image_has_torch(image: str) -> None:
    """The other images stay small."""
    ((_, lock, _),) = STAGES[f"{image}-packages"].copies
    assert not re.search(r"^(torch|nvidia-\S+|triton)==", (ROOT / lock).read_text(), re.MULTILINE)


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_has_a_health_check(image: str) -> None:
    """Servers are probed; jobs have their exit status instead."""
    check = STAGES[image].healthcheck
    assert check is not None
    assert bool(check) == (image not in {"ingest", "map"})
    if image == "live-demo":
        # A page that asks for a password refuses all but its health.
        assert "http://127.0.0.1:8080/healthz" in check[-1]


def test_the_builder_gets_what_the_wheel_is_made_of_and_no_more() -> None:
    """.dockerignore lets through the locks, the wheel's folders and what describes it."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    let_through = {line[1:] for line in lines if line.startswith("!")}
    folders = {path.partition("/")[0] for path in BUILD["targets"]["wheel"]["only-include"]}
    described = {"requirements/*.txt", "pyproject.toml", "hatch_build.py", "README.md", "LICENSE"}
    assert let_through == folders | described
    assert ("", ".", ".") in STAGES["wheel"].copies


def test_hadolint_finds_nothing() -> None:
    """The linter's own rules, without exceptions; its binary comes from the dev packages."""
    command = [Path(sysconfig.get_path("scripts")) / "hadolint", "deploy/Dockerfile"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
