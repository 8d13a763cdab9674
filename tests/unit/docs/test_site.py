"""The docs' site: links hold in the repository and in the site, and broken ones are told."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
# As `make check` builds it: `--quiet` for one would hide warnings from `--strict`.
(CHECK,) = re.findall(r"\$\(MKDOCS\) (build .*)", (ROOT / "Makefile").read_text())
CONFIGURATION = f"""
site_name: A project
site_dir: build/site
use_directory_urls: false
theme: {{name: null, custom_dir: theme}}
hooks: [{ROOT / "scripts" / "docs_site.py"}]
plugins: []
validation: {{nav: {{omitted_files: warn}}}}
extra: {{taken_in: {{README.md: index.md}}}}
nav: [index.md, page.md, Decisions: adr/]
"""


FILES = {
    "mkdocs.yml": CONFIGURATION,
    "README.md": "# A project\n\n[the page](docs/page.md#part) and [code](code/run.py)\n",
    "docs/page.md": "# Page\n\n## Part\n\n[first](adr/0001-first.md) [back](../README.md)\n",
    "docs/adr/0001-first.md": "# First\n\n![](../picture.png) [code](../../code)\n",
    "docs/adr/0002-second.md": "# Second\n",
    "docs/picture.png": "",
    "code/run.py": "",
    "theme/main.html": "{{ page.content }}",
}


def build(project: Path, more: Mapping[str, str]) -> tuple[int, str]:
    """Build the site of a repository with `more` at its files' ends; the status, what was said."""
    for name, text in FILES.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + more.get(name, ""))
    run = subprocess.run(
        [sys.executable, "-m", "mkdocs", *CHECK.split()],
        cwd=project,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return run.returncode, run.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the site of a repository whose links all hold."""
    project = tmp_path_factory.mktemp("project")
    status, said = build(project, {})
    assert status == 0, said
    return project / "build" / "site"


def test_links_lead_to_where_the_site_has_the_page(site: Path) -> None:
    """A page that stands outside of docs/ is taken in, and links to and from it hold."""
    assert '<a href="page.html#part">the page</a>' in (site / "index.html").read_text()
    page = (site / "page.html").read_text()
    assert '<a href="adr/0001-first.html">' in page
    assert '<a href="index.html">' in page
    assert 'src="../picture.png"' in (site / "adr" / "0001-first.html").read_text()


def test_a_folder_stands_in_the_navigation_with_all_its_pages(site: Path) -> None:
    """A page outside of the navigation would have failed the build."""
    assert (site / "adr" / "0002-second.html").exists()


def test_what_the_site_has_not_is_text(site: Path) -> None:
    """Code and folders keep their words and tell their path; no link leads nowhere."""
    assert '<span title="code/run.py">code</span>' in (site / "index.html").read_text()
    assert '<span title="code">code</span>' in (site / "adr" / "0001-first.html").read_text()


def test_a_code_host_is_linked_where_one_is_named(tmp_path: Path) -> None:
    """With `repo_url` code stays a link."""
    host = "https://code.example/a/project"
    status, said = build(tmp_path, {"mkdocs.yml": f"repo_url: {host}\n"})
    assert status == 0, said
    page = (tmp_path / "build" / "site" / "index.html").read_text()
    assert f'href="{host}/blob/HEAD/code/run.py"' in page


def test_links_to_what_is_not_there_fail(tmp_path: Path) -> None:
    """In and out of docs/, from and to; each is told with its page and its target."""
    more = {
        "docs/page.md": "[1](../code/gone.py) [2](missing.md) ![3](lost.png)\n",
        "README.md": "[4](docs/absent.md) [5](../elsewhere.py)\n",
    }
    status, said = build(tmp_path, more)
    assert status != 0
    for target in ("code/gone.py", "docs/missing.md", "docs/lost.png"):
        assert f"docs/page.md links to {target}," in said
    for target in ("docs/absent.md", "../elsewhere.py"):
        assert f"README.md links to {target}," in said
