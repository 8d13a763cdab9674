"""Commands that an installed package registers: a stranger's, a broken one, a missing room's."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REGISTRATION = """
from sketchzoo.cli.command import Command
WEIGH = Command("zoo_scales.commands:app", "Weigh an animal.")
BENT = Command("zoo_scales.bent:app", "Weigh it wrongly.")
DEAR = Command("zoo_scales.dear:app", "Weigh it to the gram.")
NONE = "Weigh nothing."
"""
COMMANDS = """
from sketchzoo.cli.app import App
app = App()
@app.command()
def weigh(name: str) -> None:
    "Say what an animal weighs."
    print(f"the {name} weighs enough")
"""
ENTRY_POINTS = """[sketchzoo.commands]
weigh = zoo_scales.registration:WEIGH
bent = zoo_scales.registration:BENT
dear = zoo_scales.registration:DEAR
none = zoo_scales.registration:NONE
gone = zoo_scales.registration:GONE
away = zoo_cages.registration:AWAY
search = zoo_scales.registration:WEIGH
"""
METADATA = """Metadata-Version: 2.1
Name: Zoo-Scales
Version: 1
Requires-Dist: gram-balance>=1; extra == "dear"
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an installed package that is nobody's here."""
    folder = tmp_path_factory.mktemp("packages")
    for name, text in {
        "zoo_scales/__init__.py": "",
        "zoo_scales/registration.py": REGISTRATION,
        "zoo_scales/commands.py": COMMANDS,
        "zoo_scales/bent.py": "raise RuntimeError('two\\nlines')",
        "zoo_scales/dear.py": "import gram_balance",
        "zoo_scales-1.dist-info/METADATA": METADATA,
        "zoo_scales-1.dist-info/entry_points.txt": ENTRY_POINTS,
    }.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


def sketchzoo(packages: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sketchzoo", *arguments],
        env={**os.environ, "PYTHONPATH": str(packages), "COLUMNS": "100"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_another_packages_command_is_listed_and_runs(packages: Path) -> None:
    """Its line stands below the project's own, its help and its arguments are its own."""
    lines = sketchzoo(packages, "--help").stdout.splitlines()
    assert lines.index("  weigh            Weigh an animal.") > next(
        number for number, line in enumerate(lines) if line.startswith("  study ")
    )
    assert "Say what an animal weighs." in sketchzoo(packages, "weigh", "--help").stdout
    assert sketchzoo(packages, "weigh", "cat").stdout == "the cat weighs enough\n"


def test_a_name_of_the_project_stays_the_projects(packages: Path) -> None:
    """Nobody's package takes a command's place."""
    assert "  search           Serve searches." in sketchzoo(packages, "--help").stdout


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("bent", "Zoo-Scales is broken: RuntimeError: two lines"),
        ("none", "Zoo-Scales is broken: TypeError: zoo_scales.registration:NONE is no "),
        ("gone", "Zoo-Scales is broken: AttributeError: "),
        ("dear", "needs gram_balance: pip install 'Zoo-Scales[dear]'"),
        ("away", "zoo_cages is not installed here"),
    ],
)
def test_what_cannot_be_loaded_is_a_line(packages: Path, name: str, problem: str) -> None:
    """Exit status 2 and whose fault it is, when it is called; other commands run."""
    finished = sketchzoo(packages, name)
    assert finished.returncode == 2
    (line,) = finished.stderr.splitlines()
    assert line.startswith(f"sketchzoo {name}: {problem}")


def test_help_lists_what_is_installed(packages: Path) -> None:
    """A missing package's command is not listed; a broken one says so in its line."""
    finished = sketchzoo(packages, "--help")
    assert finished.returncode == 0
    assert "away" not in finished.stdout
    assert "  gone             (Zoo-Scales is broken: AttributeError" in finished.stdout
