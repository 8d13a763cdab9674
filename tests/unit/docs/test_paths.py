"""Paths that the pages name are there."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
# Decisions tell what was decided when it was; what they name may have moved since.
PAGES = [
    *(page for page in sorted((ROOT / "docs").rglob("*.md")) if page.parent.name != "adr"),
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "models").glob("*/MODEL_CARD.md")),
]
# A section on one room may name its files from where its package lies.
PACKAGES = ("ingest/sketchzoo_ingest", "training/sketchzoo_training")
FOLDERS = {
    path.removeprefix(f"{package}/").split("/")[0]
    for path in subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    for package in ("", *PACKAGES)
    if "/" in path.removeprefix(f"{package}/")
}
NAMED = re.compile(rf"`((?:{'|'.join(map(re.escape, sorted(FOLDERS)))})/[^`\s]*?)`")


def test_pages_name_paths() -> None:
    """A pattern that finds nothing would let every page pass."""
    assert len(NAMED.findall((ROOT / "docs" / "architecture.md").read_text())) > 40


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_is_there(page: Path) -> None:
    """Files, folders and patterns of them; of `file::test` the test as well."""
    missing = [named for named in NAMED.findall(page.read_text()) if not is_there(named)]
    assert missing == []


def is_there(named: str) -> bool:
    """Tell whether the repository has what a page names; `<name>` stands for any."""
    path, _, test = named.partition("::")
    if path.endswith(".proto") and not path.startswith("protos/"):
        path = f"protos/{path}"  # as protos import each other
    found = [
        [file for package in ("", *PACKAGES) for file in sorted((ROOT / package).glob(pattern))]
        for pattern in patterns(path)
    ]
    if not test:
        return all(found)
    return any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == test
        for files in found
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
    )


def patterns(path: str) -> list[str]:
    """Return one glob pattern for each alternative of the first `{a,b}`."""
    pattern = re.sub(r"<[^>]+>", "*", path.rstrip("/"))
    alternatives = re.search(r"\{([^}]+)\}", pattern)
    if alternatives is None:
        return [pattern]
    start, end = alternatives.span()
    return [pattern[:start] + each + pattern[end:] for each in alternatives[1].split(",")]


@pytest.mark.parametrize(
    ("named", "there"),
    [
        ("sketchzoo/strokes.py", True),
        ("sketchzoo/pictures.py", False),
        ("models/<name>/config.json", True),
        ("sketchzoo/{strokes,ink}.py", True),
        ("sketchzoo/{strokes,pictures}.py", False),
        ("engine/loop.py", True),
        ("engine/loops.py", False),
        ("tests/unit/docs/test_paths.py::test_pages_name_paths", True),
        ("tests/unit/docs/test_paths.py::test_nothing", False),
    ],
)
def test_a_name_that_leads_nowhere_is_found(named: str, *, there: bool) -> None:
    """Each form that pages use, right and wrong."""
    assert is_there(named) is there
