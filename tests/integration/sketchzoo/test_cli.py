"""The command line as a process."""

import os
import re
import subprocess
import sys

import pytest

import sketchzoo as package
from sketchzoo.cli.command import registered

COMMANDS = list(registered())
HELP = [(name,) for name in COMMANDS] + [
    ("sample", "draw"),
    ("sample", "fetch"),
    ("live", "map"),
    ("model", "import"),
    ("model", "calibrate"),
    ("data", "inspect"),
    ("data", "split"),
]


def sketchzoo(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sketchzoo", *arguments]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **environment},
    )


def without(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command where `module` is not installed."""
    code = (
        f"import sys; sys.modules[{module!r}] = None; from sketchzoo.cli import main; "
        f"sys.argv = ['sketchzoo', *{list(arguments)!r}]; main()"
    )
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )


def test_help_lists_every_command() -> None:
    """A stranger sees what there is, the whole system first and training last."""
    finished = sketchzoo("-h")
    assert finished.returncode == 0
    listed = finished.stdout.partition("\nCommands:\n")[2].splitlines()
    assert [line.split()[0] for line in listed] == [
        "up",
        "demo",
        "query",
        "sample",
        "ingest",
        "gallery",
        "encoder",
        "search",
        "embedded-qdrant",
        "live",
        "health",
        "bench",
        "model",
        "finetune",
        "data",
        "train",
        "evaluate",
        "contact-sheet",
        "study",
    ]


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_the_version_is_told(option: str) -> None:
    """One line with the version, by either name of the option."""
    finished = sketchzoo(option)
    assert finished.returncode == 0
    assert finished.stdout == f"sketchzoo {package.__version__}\n"


@pytest.mark.parametrize("command", HELP, ids=" ".join)
def test_help_is_whole_at_80_columns(command: tuple[str, ...]) -> None:
    """No name is cut, no line too long, each variable stands beside its option."""
    finished = sketchzoo(*command, "-h", COLUMNS="80")
    assert finished.returncode == 0, finished.stderr
    text = finished.stdout
    assert "Usage" in text
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    assert "<bool>" not in text
    assert "completion" not in text
    for variable in re.findall(r"SKETCHZOO_\S*", text):
        assert re.fullmatch(r"SKETCHZOO_[A-Z0-9_]+[;\],.:`)]*", variable)


def test_options_stand_by_subject() -> None:
    """What is the command's own comes first, TLS and logs have headings of their own."""
    text = sketchzoo("ingest", "--help").stdout
    places = [text.index(heading) for heading in ("\nOptions:", "\nQdrant:", "\nLogs and traces:")]
    assert places == sorted(places)
    assert text.index("--qdrant-url") > text.index("\nQdrant:")


def test_an_unknown_command_is_refused() -> None:
    """A typing error ends with status 2 and names what was typed."""
    finished = sketchzoo("serach")
    assert finished.returncode == 2
    assert "serach" in finished.stderr


@pytest.mark.parametrize(
    ("module", "extra", "command"),
    [
        ("torch", "train", ("study", "--data", "x", "--preset", "resnet18/*")),
        ("torch", "train", ("train", "--data", "x", "--preset", "zoo-1")),
        ("matplotlib", "train", ("data", "inspect", "x", "--out", "y")),
        ("torch", "gpu", ("encoder", "--runtime", "torch", "--device", "cpu")),
        ("onnxruntime", "encoder", ("encoder",)),
        ("onnx", "model", ("model", "import", *["--photo=x", "--mean=1", "--std=1", "--out=y"])),
        ("uvicorn", "live", ("live",)),
        ("umap", "map", ("live", "map", "--out", "map.npz", "--qdrant-url", "http://127.0.0.1:9")),
        ("qdrant_edge", "embedded", ("embedded-qdrant", "--path", "x")),
    ],
)
def test_a_missing_extra_is_named(module: str, extra: str, command: tuple[str, ...]) -> None:
    """A command whose libraries are not there says in one line what to install."""
    finished = without(module, *command)
    assert finished.returncode == 2, finished.stderr
    assert finished.stderr.splitlines()[-1].endswith(f"pip install 'sketchzoo[{extra}]'")
    assert "Traceback" not in finished.stderr


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_loads_nothing_heavy(name: str) -> None:
    """No help text waits for torch, onnxruntime, numpy or grpc to load."""
    code = (
        "import sys; from sketchzoo.cli import main; sys.argv = ['sketchzoo'] + "
        f"[a for a in [{name!r}] if a] + ['--help']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'onnxruntime', 'qdrant_client', 'grpc', 'numpy'} & sys.modules.keys()\n"
        "sys.exit(f'loaded {sorted(heavy)}' if heavy else 0)"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert finished.returncode == 0, finished.stderr
