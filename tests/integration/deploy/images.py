"""An image without Docker: its files in a folder, its command as a process.

What differs from Compose: the packages are the development environment's, host names and
ports are 127.0.0.1 and free ones, and the kernel enforces nothing but the user.
"""

import functools
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.deployment import (
    ROOT,
    SECRETS,
    Stage,
    read_compose,
    read_dockerfile,
    read_environment_file,
)


@dataclass(frozen=True)
class Image:
    """A target's files below `root` and what it says."""

    root: Path
    stage: Stage

    def run(self, arguments: tuple[str, ...], environment: Mapping[str, str], log: Path) -> Any:
        """Start the entrypoint with arguments."""
        with log.open("ab") as file:
            return subprocess.Popen(
                self._here((*self.stage.entrypoint, *arguments)),
                cwd=f"{self.root}{self.stage.workdir}",
                env=self.environment(environment),
                stdout=file,
                stderr=subprocess.STDOUT,
                **self.user(),
            )

    def healthy(self, environment: Mapping[str, str], addresses: Mapping[str, str]) -> bool:
        """Run the image's own health check; addresses replace those that it names."""
        assert self.stage.healthcheck
        command = list(self.stage.healthcheck)
        for old, new in addresses.items():
            command = [word.replace(old, new) for word in command]
        done = subprocess.run(
            self._here(tuple(command)),
            cwd=f"{self.root}{self.stage.workdir}",
            env=self.environment(environment),
            capture_output=True,
            check=False,
            **self.user(),
        )
        return done.returncode == 0

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """Return the image's variables, with its paths below `root`, and Compose's."""
        own = {
            name: value.replace("/app", f"{self.root}/app").replace("/opt", f"{self.root}/opt")
            for name, value in self.stage.environment.items()
        }
        own["PATH"] = own["PATH"].replace("$PATH", os.defpath)
        return {**own, "HOME": "/nonexistent", **more}

    def user(self) -> dict[str, Any]:
        """Return the user to run as: the image's, where this process may choose and it may run."""
        if os.geteuid() != 0:
            return {}
        user, _, group = self.stage.user.partition(":")
        chosen = {"user": int(user), "group": int(group), "extra_groups": []}
        return chosen if _can_run(str(self.root / "opt/venv/bin/python"), int(user)) else {}

    def _here(self, command: tuple[str, ...]) -> list[str]:
        assert command[0] == "python"
        return [str(self.root / "opt/venv/bin/python"), *command[1:]]


@functools.cache
def _can_run(python: str, user: int) -> bool:
    """Tell whether a user may read this interpreter and its packages; a home may be closed."""
    try:
        done = subprocess.run([python, "-c", "import grpc"], user=user, group=user, check=False)
    except PermissionError:
        return False
    return done.returncode == 0


def unpack_wheel(root: Path) -> Path:
    """Build the wheel and lay its files out below `root`, as the Dockerfile's stage does."""
    build, _, *moves = read_dockerfile()["wheel"].runs[-1].split("&&")
    command = [sys.executable, "-m", *build.split()[:-1], str(root / "wheel")]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = (root / "wheel").iterdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(root / "rooms")
    below = re.sub(r"(?<= )/", f"{root}/", " &&".join(moves))
    subprocess.run(["sh", "-ec", below], check=True)
    return root


def lay_out(root: Path, target: str, wheel: Path) -> Image:
    """Copy a target's files below `root`, as the Dockerfile does; `wheel` is unpacked."""
    stage = read_dockerfile()[target]
    for origin, source, destination in stage.copies:
        where = Path(f"{root}{destination}")
        if origin == "empty":
            where.mkdir(parents=True)
        elif origin == "wheel":
            shutil.copytree(f"{wheel}{source}", where, dirs_exist_ok=True)
        else:
            _packages(where)
    return Image(root, stage)


def _packages(where: Path) -> None:
    """Make an environment with the development one's packages, but not the project itself.

    A .pth file adds their folder to the path and reads no .pth files in it, so that what
    an editable installation would find is not found.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", where], check=True)
    (site,) = where.glob("lib/python*/site-packages")
    (site / "packages.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")


def composed(service: str, replaced: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return a service's environment and command, with addresses and folders replaced."""
    found = read_compose({**read_environment_file(), **SECRETS})["services"][service]
    # A variable that is not set is an empty one there, and no null as in YAML.
    environment = {
        name: "" if value is None else str(value)
        for name, value in found.get("environment", {}).items()
    }
    for old, new in replaced.items():
        environment = {name: value.replace(old, new) for name, value in environment.items()}
    return environment, tuple(found.get("command", ()))


@contextmanager
def running(process: Any, log: Path) -> Iterator[Any]:
    """Let a process run; asked to stop at the end, it must end with status 0."""
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()


def until(condition: Any, process: Any, log: Path, seconds: float = 90) -> None:
    """Wait for a condition while a process runs."""
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.2)
