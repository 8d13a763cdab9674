"""The composed stack on a real engine: a copy of the checkout, and the pages' commands in it."""

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.deployment import (
    ROOT,
    SECRETS,
    commands,
    read_compose,
    read_dockerfile,
    read_environment_file,
)

PROJECT = f"sketchzoo-test-{os.getpid()}"
# What the images, the compose file and the pages' commands take from the checkout.
FILES = (
    ".dockerignore",
    ".env.example",
    "LICENSE",
    "README.md",
    "deploy",
    "docker-compose.yml",
    "embedded_qdrant",
    "encoder_service",
    "hatch_build.py",
    "ingest",
    "live_demo",
    "local_stack",
    "models",
    "pyproject.toml",
    "requirements",
    "sample_gallery",
    "scripts",
    "search_service",
    "sketchzoo",
    "tests/system",
    "training",
)
PORTS = (
    "LIVE_PORT",
    "SEARCH_PORT",
    "GALLERY_PORT",
    "GRAFANA_PORT",
    "PROMETHEUS_PORT",
    "ALERTMANAGER_PORT",
)
# What stands in where the engine has no image of a service; the others' must be there.
INSTEAD = {
    "qdrant": "tests/system/compose.embedded.yml",
    "grafana": "tests/system/compose.no-grafana.yml",
}
FOREIGN = {
    name: service["image"]
    for name, service in read_compose(SECRETS)["services"].items()
    if not service["image"].startswith("sketchzoo/")
}
_KILL = "import os, sys; os.kill(int(sys.argv[1]), 9)"


def why_not() -> str | None:
    """Return why no stack can run on this machine's engine; None where one can."""
    if shutil.which("docker") is None:
        return "no docker command"
    host = os.environ.get("DOCKER_HOST", "")
    if host and not host.startswith("unix://"):
        return f"the engine at {host} is another machine's: folders can't be mounted"
    for command in (
        ["docker", "info", "-f", "{{.ServerVersion}}"],
        ["docker", "compose", "version"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()
            return f"`{' '.join(command[:2])}` fails: {said[-1] if said else done.returncode}"
    needed = [image for name, image in FOREIGN.items() if name not in INSTEAD]
    for image in (read_dockerfile()["base"].base, *needed):
        pull = ["docker", "pull", "-q", image]
        if (
            not has_image(image)
            and subprocess.run(pull, capture_output=True, check=False, timeout=300).returncode
        ):
            return f"the engine has no {image} and can't pull it"
    return None


def has_image(name: str) -> bool:
    """Tell whether the engine has an image."""
    command = ["docker", "image", "inspect", name]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@dataclass(frozen=True)
class Stack:
    """A checkout in `folder` in which an operator's commands are run."""

    folder: Path
    environment: Mapping[str, str]
    embedded: bool

    def run(self, script: str) -> str:
        """Run a script as it stands on a page; what fails in it is the test's failure."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=400,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def page(self, page: str, start: str) -> str:
        """Run a page's code block that starts so."""
        return self.run(commands(page, start))

    @property
    def settings(self) -> dict[str, str]:
        """What stands in .env."""
        return read_environment_file(self.folder / ".env")

    def set(self, **values: str) -> None:
        """Change lines of .env, as an editor would."""
        lines = (f"{name}={value}\n" for name, value in {**self.settings, **values}.items())
        (self.folder / ".env").write_text("".join(lines))

    def port(self, name: str) -> int:
        """Return a published port of this machine."""
        return int(self.settings[name])

    @property
    def search_target(self) -> str:
        """Search's gRPC name, from outside."""
        return f"127.0.0.1:{self.port('SEARCH_PORT')}"

    def containers(self) -> list[dict[str, Any]]:
        """Return what the engine says of each container of the project, ended ones too."""
        found = self.run("docker compose ps -aq").split()
        said: list[dict[str, Any]] = json.loads(self.run(f"docker inspect {' '.join(found)}"))
        return said

    def container(self, service: str) -> dict[str, Any]:
        """Return what the engine says of a service's one container."""
        (found,) = (each for each in self.containers() if service_of(each) == service)
        return found

    def wait_healthy(self) -> None:
        """Wait until each container that stays runs, and is healthy where it is checked."""
        until(lambda: not self.unwell(), self.unwell)

    def unwell(self) -> list[str]:
        """Name the services that do not run, or are not healthy."""
        found = []
        for each in self.containers():
            service, state = service_of(each), each["State"]
            health = state.get("Health", {}).get("Status", "healthy")
            if service != "encoder-ready" and (state["Status"], health) != ("running", "healthy"):
                found.append(f"{service}: {state['Status']}, {health}")
        return found

    def kill(self, service: str) -> None:
        """End a service's process with SIGKILL, as the kernel would, not as `docker kill` does.

        What `docker kill` ends stays ended. The process is the child of the container's init,
        where it has one.
        """
        container = self.container(service)
        top = self.run(f"docker top {container['Id']} -eo pid,ppid").splitlines()[1:]
        init = container["State"]["Pid"]
        parents = dict(tuple(map(int, line.split())) for line in top)
        (victim,) = [pid for pid, parent in parents.items() if parent == init] or [init]
        image = "sketchzoo/search:0.1.0"
        self.run(
            "docker run --rm --pid host --user 0 --network none --entrypoint python "
            f"{image} -c '{_KILL}' {victim}"
        )

    def get(self, port: str, path: str, **headers: str) -> tuple[int, bytes]:
        """Ask a published port over HTTP; return status and body."""
        url = f"http://127.0.0.1:{self.port(port)}{path}"
        try:
            request = urllib.request.Request(url, headers=headers)
            with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - the same
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()


def service_of(container: Mapping[str, Any]) -> str:
    """Return the service that a container is of."""
    return str(container["Config"]["Labels"]["com.docker.compose.service"])


def until(condition: Callable[[], Any], said: Callable[[], Any] = str, seconds: float = 120) -> Any:
    """Wait for a condition and return its value; `said` tells what is wrong meanwhile."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, said()
        time.sleep(0.2)
    return value


@contextmanager
def composed(folder: Path) -> Iterator[Stack]:
    """Copy the checkout to `folder` and follow the install page there; all goes at the end.

    The photos must be in `folder/zoo`.
    """
    for name in FILES:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    missing = [name for name in INSTEAD if not has_image(FOREIGN[name])]
    environment = {
        **{name: os.environ[name] for name in ("PATH", "DOCKER_HOST") if name in os.environ},
        "DOCKER_CONFIG": os.environ.get("DOCKER_CONFIG", str(Path.home() / ".docker")),
        "HOME": str(folder),
        "COMPOSE_PROJECT_NAME": PROJECT,
    }
    stack = Stack(folder, environment, embedded="qdrant" in missing)
    make, *start = commands("install.md", "sed -e").partition("\ndocker")
    stack.run(make)
    stack.set(**dict(zip(PORTS, map(str, free_ports(len(PORTS))), strict=True)))
    stack.set(COMPOSE_FILE=":".join(["docker-compose.yml", *(INSTEAD[name] for name in missing)]))
    try:
        stack.run("".join(start))
        stack.wait_healthy()
        yield stack
    finally:
        stack.run("docker compose --profile '*' down --volumes --remove-orphans --timeout 20")


def free_ports(count: int) -> list[int]:
    """Return ports on which nothing listens at the moment."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
