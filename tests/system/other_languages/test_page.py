"""The page docs/other-languages.md: each of its clients against a running search service."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sketchzoo.client import Client, Hit
from tests.artefacts import encoder_process, picture, tiny_model
from tests.contract.embedded_qdrant.server_process import ServerProcess
from tests.integration.search_service.stack import (
    CLASSES,
    SERVICE,
    fill,
    search_process,
    write_photos,
)

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "other-languages.md").read_text()
TOOLS = ROOT / "build" / "foreign-clients"
"""Where Go puts the tools that the page installs: found there again by the next run."""

TOKEN = "open-sesame"  # noqa: S105 - made up
# Compilers and package registries take their time, on a busy machine above all.
pytestmark = [pytest.mark.system, pytest.mark.timeout(540)]

needs_go = pytest.mark.skipif(shutil.which("go") is None, reason="Go is not installed")
needs_npm = pytest.mark.skipif(shutil.which("npm") is None, reason="Node's npm is not installed")


def section(title: str) -> str:
    """Return the page's text below a heading."""
    return re.split(r"^## ", PAGE.split(f"## {title}\n", 1)[1], flags=re.MULTILINE)[0]


def commands(title: str) -> list[str]:
    """Return the shell commands of a section, block by block."""
    return re.findall(r"```sh\n(.*?)```", section(title), re.DOTALL)


@dataclass(frozen=True, slots=True)
class Service:
    """A running search service, what the SDK finds there, and a folder to work in."""

    folder: Path
    environment: dict[str, str]
    hits: tuple[Hit, ...]

    def run(self, block: str, *, status: int = 0) -> str:
        """Run shell commands as the page's reader would; return what they print, or complain."""
        finished = subprocess.run(
            ["bash", "-euc", block],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )
        assert finished.returncode == status, finished.stdout + finished.stderr
        return finished.stderr if status else finished.stdout

    @property
    def printed(self) -> list[str]:
        """What each of the page's programs prints."""
        found = [f"{hit.score:.4f} {hit.class_name} {hit.photo_id}" for hit in self.hits]
        return [*found, "INVALID_ARGUMENT limit must be 1 to 1,000, or 0 for 12"]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Start a service with a token, and copy what the page takes from the repository."""
    root = tmp_path_factory.mktemp("foreign")
    folder = root / "repository"
    for name in ("protos", "third_party", "examples"):
        own = shutil.ignore_patterns("node_modules", "env", "stubs", "search")
        # `search` is what Go's plugins make; the protos have a folder of that name, too.
        shutil.copytree(ROOT / name, folder / name, ignore=own if name == "examples" else None)
    sketch = root / "sketch.png"
    sketch.write_bytes(picture(1, form="PNG"))
    # The page's readers have a protoc of their own; ours comes with grpcio-tools.
    programs = root / "bin"
    programs.mkdir()
    protoc = programs / "protoc"
    protoc.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m grpc_tools.protoc "$@"\n')
    protoc.chmod(0o755)
    model = tiny_model(root / "model", shared=True, dimension=16)
    paths = write_photos(root / "photos", 40)
    with ServerProcess(root / "qdrant") as qdrant, encoder_process(model.folder) as encoder:
        url = f"http://127.0.0.1:{qdrant.port}"
        asyncio.run(fill(encoder.target, url, paths))
        with (
            search_process(encoder.target, url, token=TOKEN) as search,
            Client(search.target, token=TOKEN, timeout=30.0) as client,
        ):
            search.wait_serving()
            environment = {
                **os.environ,
                "PATH": os.pathsep.join([str(TOOLS), str(programs), os.environ["PATH"]]),
                "GOBIN": str(TOOLS),
                "TARGET": search.target,
                "SKETCH": str(sketch),
                "TOKEN": TOKEN,
            }
            yield Service(folder, environment, client.search(sketch, limit=3).hits)


@pytest.mark.parametrize(
    "title",
    [
        pytest.param("Node", marks=needs_npm),
        pytest.param("Go", marks=needs_go),
        "Python without the SDK",
    ],
)
def test_a_program_finds_what_the_sdk_finds(service: Service, title: str) -> None:
    """The same photos and scores, and an error's detail, by commands and code of the page."""
    (block,) = commands(title)
    assert service.run(block).splitlines()[-4:] == service.printed


@needs_go
def test_grpcurl_needs_no_protos(service: Service) -> None:
    """It lists, describes a method and searches by reflection; an error tells its field."""
    searching, failing = commands("grpcurl")
    output = service.run(searching)
    assert SERVICE in output.splitlines()
    assert f"{SERVICE}.Search is a method:" in output
    answer = json.loads(output[output.index("\n{") :])
    assert [hit["photo_id"] for hit in answer["hits"]] == [hit.photo_id for hit in service.hits]
    # 64 and INVALID_ARGUMENT's 3.
    output = service.run(failing, status=67)
    assert '"field": "query.photo_id"' in output


@needs_go
def test_ghz_needs_no_protos(service: Service) -> None:
    """It finds the method by reflection and every call is answered."""
    (block,) = commands("ghz")
    output = service.run(block)
    report = json.loads(output[output.index("{") :])
    assert report["statusCodeDistribution"] == {"OK": 200}


@needs_go
def test_a_set_of_descriptors_stands_for_reflection(service: Service) -> None:
    """It is complete: Google's files are in it."""
    install = commands("grpcurl")[0].splitlines()[0]
    (block,) = commands("Tools without reflection")
    answer = json.loads(service.run(f"{install}\n{block}"))
    assert sum(int(each["count"]) for each in answer["classes"]) == 40
    assert {each["className"] for each in answer["classes"]} == set(CLASSES)


@needs_go
@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_each_version_of_reflection_serves_grpcurl(service: Service, version: str) -> None:
    """Its own service and a method of it can be described as well."""
    install = commands("grpcurl")[0].splitlines()[0]
    symbol = f"grpc.reflection.{version}.ServerReflection.ServerReflectionInfo"
    output = service.run(
        f'{install}\ngrpcurl -plaintext -reflect-header "authorization: Bearer $TOKEN" '
        f'"$TARGET" describe {symbol}'
    )
    assert f"{symbol} is a method:" in output
