"""Windows: simulated by its name, without the modules that it lacks."""

import asyncio
import os
import subprocess
import sys
import textwrap
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from sketchzoo.cli.command import registered
from sketchzoo.cli.main import app
from tests.artefacts import picture
from tests.unit.search_service.fakes import bench

# What the libraries load is theirs to know: they see the platform as it is.
WINDOWS = """
    import asyncio, http.server, io, json, multiprocessing, subprocess, sys
    import grpc.aio, grpc_status.rpc_status, numpy, PIL.Image, pydantic_settings, rich.console
    import rich.progress, rich.table, structlog, typer.main, typer.rich_utils

    class Missing:
        def find_spec(self, name, path=None, target=None):
            if name in ("fcntl", "grp", "pwd", "resource", "termios", "uvloop"):
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    for name in ("fcntl", "grp", "pwd", "resource", "termios", "uvloop"):
        sys.modules.pop(name, None)
    sys.meta_path.insert(0, Missing())
    sys.platform = "win32"
"""


def on_windows(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(WINDOWS) + code, *arguments]


COMMAND = "from sketchzoo.cli import main; main()"


@pytest.mark.parametrize("name", sorted(registered()))
def test_what_cannot_run_says_where_it_does(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, no traceback; what only calls services, or trains, runs."""
    # The package has a function of the module's name.
    module = import_module("sketchzoo.cli.main")
    monkeypatch.setattr(module, "sys", SimpleNamespace(platform="win32"))
    finished = CliRunner().invoke(app, [name, "--help"])
    training = ("data", "train", "evaluate", "contact-sheet", "study", "model", "finetune")
    if name in ("query", "health", "bench", *training):
        assert finished.exit_code == 0
        return
    assert finished.exit_code == 2
    assert finished.stderr.splitlines() == [
        f"sketchzoo {name}: does not run on Windows itself: run it in WSL 2 or in Docker"
    ]


async def test_the_command_line_and_the_sdk_search(tmp_path: Path) -> None:
    """`query`, `health`, `Client` and `AsyncClient` call services that run elsewhere."""
    sketch = tmp_path / "cat.png"
    sketch.write_bytes(picture(form="PNG"))
    code = """if True:
        import sys
        from sketchzoo.client import AsyncClient, Client
        target, sketch = sys.argv[1:]
        with Client(target) as client:
            assert len(client.search(sketch).hits) == 12
        async def search():
            async with AsyncClient(target) as client:
                return await client.search(sketch)
        assert len(asyncio.run(search()).hits) == 12
    """
    async with bench() as server:
        for command in (
            on_windows(COMMAND, "query", str(sketch)),
            on_windows(COMMAND, "health", server.target),
            on_windows(code, server.target, str(sketch)),
        ):
            process = await asyncio.create_subprocess_exec(
                *command,
                env={**os.environ, "SKETCHZOO_SEARCH_TARGET": server.target},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            output, _ = await asyncio.wait_for(process.communicate(), 60)
            assert process.returncode == 0, output.decode()
