"""`sketchzoo ingest` in processes of its own, forked from one that has all imports done.

Starting Python and importing takes longer than most runs here; `test_command.py` has a
test that starts the command from nothing.
"""

import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

# A machine under load is no reason to fail.
SECONDS = 300.0


class Command:
    """A run of `sketchzoo ingest`; its output goes to files."""

    def __init__(
        self, folder: Path, environment: dict[str, str], *arguments: object, cwd: Path | None = None
    ) -> None:
        self._out, self._err = folder / "stdout.txt", folder / "stderr.txt"
        for path in (self._out, self._err):
            path.write_bytes(b"")
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(
            [
                "sketchzoo_ingest.bootstrap",
                "sketchzoo_ingest.commands",
                "sketchzoo.cli",
            ]
        )
        self._process = context.Process(
            target=_run,
            args=(
                (str(self._out), str(self._err)),
                environment,
                [str(argument) for argument in arguments],
                str(cwd or folder),
            ),
        )
        self._process.start()

    @property
    def out(self) -> str:
        return self._out.read_text(encoding="utf-8")

    @property
    def err(self) -> str:
        return self._err.read_text(encoding="utf-8")

    @property
    def events(self) -> list[dict[str, Any]]:
        """Whole log lines so far."""
        return [json.loads(line) for line in self.err.splitlines(keepends=True) if "\n" in line]

    def send(self, number: signal.Signals) -> None:
        """Send a signal; a run that has ended meanwhile gets none."""
        assert self._process.pid is not None
        with suppress(ProcessLookupError):
            os.kill(self._process.pid, number)

    def wait(self) -> int:
        """Return the exit status."""
        self._process.join(SECONDS)
        if self._process.exitcode is None:
            self._process.kill()
            raise AssertionError(f"ingest did not end in {SECONDS} s: {self.err}")
        return self._process.exitcode

    def report(self, status: int = 0) -> dict[str, Any]:
        """Return the JSON report of a run with `--json -`."""
        assert self.wait() == status, self.err
        document: dict[str, Any] = json.loads(self.out)
        return document


def _run(
    files: tuple[str, str], environment: dict[str, str], arguments: Sequence[str], cwd: str
) -> None:
    for number, path in enumerate(files, start=1):
        os.dup2(os.open(path, os.O_WRONLY), number)
    os.chdir(cwd)
    os.environ.update(environment)
    sys.argv = ["sketchzoo", "ingest", *arguments]
    from sketchzoo.cli import main  # noqa: PLC0415 - the fork server has it

    main()
