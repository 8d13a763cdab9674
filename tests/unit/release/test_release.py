"""Releases: one version everywhere, a changelog that tells of it, a workflow that fits."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import sketchzoo
from tests.deployment import IMAGES

ROOT = Path(__file__).parents[3]
_specification = importlib.util.spec_from_file_location("release", ROOT / "scripts/release.py")
assert _specification is not None
assert _specification.loader is not None
release = importlib.util.module_from_spec(_specification)
_specification.loader.exec_module(release)

FILES = {
    "sketchzoo/__init__.py": '"""A package."""\n\n__version__ = "1.2.0"\n',
    "CITATION.cff": "version: 1.2.0\ndate-released: 2026-01-02\n",
    "docker-compose.yml": "services:\n  search:\n    image: sketchzoo/search:1.2.0\n",
    "deploy/helm/sketchzoo/Chart.yaml": "version: 1.2.0\nappVersion: 1.2.0\n",
    "CHANGELOG.md": "## Unreleased\n\n### Added\n\n## 1.2.0 - 2026-01-02\n\n- All.\n",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a repository that is ready for 1.2.0."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_the_version_is_the_same_everywhere() -> None:
    """What repeats sketchzoo/__init__.py's says the same."""
    assert release.stated_version(ROOT) == sketchzoo.__version__
    assert release.check_repeated(ROOT, sketchzoo.__version__) == []


def test_the_changelog_tells_of_the_version() -> None:
    """With a date, which the citation has too."""
    assert release.check_changelog(ROOT, sketchzoo.__version__) == []


@pytest.mark.parametrize("name", list(FILES)[1:4])
def test_another_version_is_named_with_its_file(project: Path, name: str) -> None:
    """So is a file that repeats none any more, whose form has changed."""
    path = project / name
    path.write_text(FILES[name].replace("1.2.0", "1.1.9"))
    (problem,) = release.check_repeated(project, "1.2.0")
    assert problem == f"{name}: 1.1.9 is not 1.2.0"
    path.write_text("")
    (problem,) = release.check_repeated(project, "1.2.0")
    assert problem.endswith("repeats no version")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("## 1.2.0 - 2026-01-02", "## 1.2.0 - soon", "wants a date"),
        ("## 1.2.0 - 2026-01-02", "## 1.2.0 - 2026-01-03", "date-released"),
        ("## 1.2.0 - 2026-01-02", "## 1.20 - 2026-01-02", "no section"),
        ("- All.\n", "", "no section"),
    ],
)
def test_a_changelog_that_does_not_tell_of_it_is_refused(
    project: Path, old: str, new: str, problem: str
) -> None:
    """Heading, date, and a change at least."""
    assert release.check_changelog(project, "1.2.0") == []
    (project / "CHANGELOG.md").write_text(FILES["CHANGELOG.md"].replace(old, new))
    (found,) = release.check_changelog(project, "1.2.0")
    assert problem in found


def test_a_tag_is_its_versions_with_nothing_left_over(project: Path) -> None:
    """The tag, changes under Unreleased, and contracts that were not kept are told."""
    for name in ("protos", "third_party", "buf.yaml"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, project / name)
    kept = project / "protos" / "released" / "1.2.0.binpb"
    now = project / "build" / "protos.binpb"
    changelog = project / "CHANGELOG.md"
    changelog.write_text(FILES["CHANGELOG.md"].replace("### Added\n", "### Added\n- More.\n"))
    problems = release.check_tag(project, "1.2.0", "v1.2.1", now.parent)
    assert [problem.split(":")[0] for problem in problems] == [
        "the tag v1.2.1 is not v1.2.0",
        "CHANGELOG.md",
        "protos/released/1.2.0.binpb",
    ]
    changelog.write_text(FILES["CHANGELOG.md"])
    shutil.copy(now, kept)
    assert release.check_tag(project, "1.2.0", "v1.2.0", now.parent) == []


def test_the_workflow_publishes_every_image_and_what_was_tried() -> None:
    """Its images are the Dockerfile's; its packages are `make release-dry`'s."""
    jobs = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())["jobs"]
    built = [each["target"] for each in jobs["images"]["strategy"]["matrix"]["include"]]
    assert sorted(built) == sorted(IMAGES)
    commands = [step.get("run", "") for step in jobs["packages"]["steps"]]
    assert 'make release-dry TAG="$GITHUB_REF_NAME"' in commands
    assert {"packages", "arm64", "images"} <= set(jobs["publish"]["needs"])
    assert "test" in jobs["images"]["needs"]


def test_a_release_wants_helm_and_a_trial_does_without(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A trial says so; nothing is released without its chart."""
    monkeypatch.setattr(sys, "executable", str(project / "python"))
    assert release.package_chart(project, project, required=False) == []
    assert "make tools" in capsys.readouterr().out
    (problem,) = release.package_chart(project, project, required=True)
    assert "no Helm" in problem


def test_an_sbom_names_every_locked_package_with_its_hashes(project: Path) -> None:
    """Of each image's lock file, and of nothing that only development installs."""
    (project / "requirements").mkdir()
    for name in ("requirements/search.txt", "requirements/uv.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, project / name)
    shutil.copy(project / "requirements/uv.txt", project / "requirements/dev.txt")
    out = project / "build"
    (out / "sbom").mkdir(parents=True)
    release.describe(project, out, "1.2.0", validate=False)
    (path,) = (out / "sbom").iterdir()
    assert path.name == "search.cdx.json"
    bom = json.loads(path.read_text())
    assert bom["bomFormat"] == "CycloneDX"
    assert bom["metadata"]["component"]["version"] == "1.2.0"
    lock = (ROOT / "requirements/search.txt").read_text()
    locked = dict(re.findall(r"^([\w.-]+)==([^\s;]+)", lock, re.MULTILINE))
    described = {each["name"]: each for each in bom["components"]}
    assert {name: each["version"] for name, each in described.items()} == locked
    for name, each in described.items():
        assert each["purl"].startswith(f"pkg:pypi/{name}@"), name
        hashes = [hash_ for one in each["externalReferences"] for hash_ in one.get("hashes", [])]
        assert hashes, name
        assert all(hash_["content"] in lock for hash_ in hashes)


def test_the_images_digests_become_values_of_the_chart(tmp_path: Path) -> None:
    """The workflow's own commands, with a digest for each image."""
    if shutil.which("jq") is None:
        pytest.skip("jq is missing")
    jobs = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())["jobs"]
    (write,) = (each["run"] for each in jobs["images"]["steps"] if "jq -n" in each.get("run", ""))
    (join,) = (each["run"] for each in jobs["publish"]["steps"] if "jq -s" in each.get("run", ""))
    (tmp_path / "digests").mkdir()
    (tmp_path / "release").mkdir()
    digests = {}
    for number, image in enumerate(jobs["images"]["strategy"]["matrix"]["include"]):
        digests[image["values"]] = f"sha256:{number:064x}"
        given = {"TARGET": image["target"], "VALUES": image["values"]}
        environment = {**os.environ, **given, "DIGEST": digests[image["values"]]}
        command = ["bash", "-ec", write]
        subprocess.run(command, cwd=tmp_path / "digests", env=environment, check=True)
    subprocess.run(["bash", "-ec", join], cwd=tmp_path, check=True)
    values = yaml.safe_load((tmp_path / "release" / "image-digests.yaml").read_text())
    assert values.pop("encoder") == {
        "image": {"digest": digests["encoder"]},
        "gpu": {"image": {"digest": digests["encoder.gpu"]}},
    }
    assert values == {
        name: {"image": {"digest": digest}}
        for name, digest in digests.items()
        if not name.startswith("encoder")
    }
