"""Every command with every wrong kind of argument: one line, a status, never a traceback.

Each command's options are read off its own table, so that a new one is tried as well.
"""

import json
import subprocess
import sys
from typing import Any

import pytest
from typer.main import get_command

from sketchzoo.cli.main import app

# What makes each command complete but for the one option that is wrong.
COMMANDS = {
    "up": [],
    "demo": ["--once"],
    "query": ["SKETCH"],
    "sample draw": ["NEW/drawn", "--pictures", "1", "--sketches", "1"],
    "sample fetch": ["MANIFEST", "NEW/fetched"],
    "ingest": ["FOLDER"],
    "encoder": [],
    "search": [],
    "embedded-qdrant": ["--path", "NEW/storage"],
    "live": [],
    "live map": ["--out", "NEW/map.npz"],
    "health": ["127.0.0.1:9"],
    "bench": [],
    "data inspect": ["FOLDER", "--out", "NEW/report"],
    "data split": ["FOLDER"],
    "train": ["--data", "FOLDER", "--preset", "zoo-1"],
    "evaluate": ["--gallery", "FOLDER", "--queries", "FOLDER"],
    "contact-sheet": ["--gallery", "FOLDER", "--drawings", "FOLDER", "--out", "NEW/a.png"],
    "study": ["--data", "FOLDER", "--preset", "lite0/*", "--out", "NEW/study"],
}

# Runs each case in a child of its own that has the libraries already.
RUNNER = """
import json, os, signal, sys
import grpc, numpy, PIL.Image, rich.console, rich.progress, rich.table
from sketchzoo.cli import main
from sketchzoo.cli.command import registered

command = registered()[sys.argv[2]]
command.load(command.describe())
results = []
for number, arguments in enumerate(json.loads(sys.argv[1])):
    child = os.fork()
    if child == 0:
        said = os.open(f"said-{number}", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
        os.dup2(said, 1)
        os.dup2(said, 2)
        sys.argv = ["sketchzoo", *arguments]
        signal.alarm(20)
        status = 99
        try:
            main()
        except SystemExit as end:
            status = end.code or 0
        except BaseException:
            import traceback
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    _, ended = os.waitpid(child, 0)
    text = open(f"said-{number}", errors="replace").read()
    results.append([os.waitstatus_to_exitcode(ended), text])
print(json.dumps(results))
"""


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return what the words in the table of commands stand for."""
    folder = tmp_path_factory.mktemp("wrong")
    (folder / "photos").mkdir()
    (folder / "new").mkdir()
    (folder / "file").write_text("no folder, no picture")
    return {
        "SKETCH": str(folder / "file"),
        "MANIFEST": str(folder / "file"),
        "FOLDER": str(folder / "photos"),
        "NEW": str(folder / "new"),
        "BELOW A FILE": str(folder / "file" / "x"),
        "CWD": str(folder),
    }


def options(command: str) -> list[Any]:
    """Return a command's parameters, as its help shows them."""
    found: Any = get_command(app)
    context = found.make_context("sketchzoo", [], resilient_parsing=True)
    for word in command.split():
        _, found, _ = found.resolve_command(context, [word])
        context = found.make_context(word, [], parent=context, resilient_parsing=True)
    return [each for each in found.get_params(context) if each.name != "help"]


def wrong(parameter: Any) -> list[str]:
    """Return values that an option of this type can never take."""
    kind = str(parameter.display_type_rich(None) or "") if not parameter.is_flag else "flag"
    if "int" in kind:
        return ["x"]
    if "float" in kind:
        return ["x", "nan", "-1e99"]
    if "path" in kind or "FILE" in kind or "dir" in kind:
        return ["BELOW A FILE"]
    if "|" in kind:
        return ["nonsense"]
    return []


def cases(command: str) -> list[list[str]]:
    """Return the argument lists of a command: each option wrong in turn, and more."""
    complete = COMMANDS[command]
    words = command.split()
    made = [
        [*words, *complete, parameter.opts[0], value]
        for parameter in options(command)
        if parameter.param_type_name == "option"
        for value in wrong(parameter)
    ]
    made += (
        [[*words, "BELOW A FILE", *complete[1:]]]
        if complete[:1] in (["SKETCH"], ["FOLDER"])
        else []
    )
    made.append([*words, *complete, "--no-such-option"])
    made.append([*words, *complete, "one", "two", "many"])
    return made


@pytest.mark.parametrize("command", COMMANDS)
def test_a_wrong_argument_ends_in_a_line(command: str, given: dict[str, str]) -> None:
    """Exit status 2 for what can never be right, words that name it, no traceback."""
    tried = [
        [given.get(word, word.replace("NEW/", given["NEW"] + "/")) for word in each]
        for each in cases(command)
    ]
    done = subprocess.run(
        [sys.executable, "-c", RUNNER, json.dumps(tried), command.split(maxsplit=1)[0]],
        cwd=given["CWD"],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for arguments, (status, said) in zip(tried, json.loads(done.stdout), strict=True):
        shown = f"{' '.join(arguments)}: status {status}\n{said}"
        assert "Traceback" not in said, shown
        assert status == 2, shown
        assert said.strip(), shown
        # One line, after the usage that the command line itself may show, and after what the log
        # says of a start that went well so far.
        problem = [
            line
            for line in said.splitlines()
            if not line.startswith(("Usage", "Try")) and '"level": "info"' not in line
        ]
        assert len([line for line in problem if line.strip()]) == 1, shown
