"""Make a release ready, all but its upload: `python scripts/release.py [--tag v0.1.0]`.

Checks that all places state one version and that the changelog tells of it, builds wheel
and sdist and reads their metadata as an index would, packages the Helm chart where Helm is,
and writes for each lock file an SBOM (CycloneDX), the release's notes and the files' SHA-256.
With `--tag`, as the release's own workflow has it, also that the tag is the version's, that the
contracts are kept as they are released, that Helm is there and that no change is left under
Unreleased. Each problem is a line; exit status 1 where there are any.
"""

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from datetime import date
from pathlib import Path

from packaging.metadata import Metadata

ROOT = Path(__file__).resolve().parents[1]
# Where a version is repeated, and how.
REPEATED = {
    "CITATION.cff": r"^version: (\S+)$",
    "docker-compose.yml": r"image: sketchzoo/[\w-]+:(\S+)$",
    "deploy/helm/sketchzoo/Chart.yaml": r"^(?:version|appVersion): (\S+)$",
}
PROMISED = (
    "sketchzoo/py.typed",
    "sketchzoo/models/zoo-1/config.json",
    "sketchzoo/libink.so",  # a wheel for other platforms is built from the sdist
)


def main() -> int:
    """Check, build, describe; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tag", help="the tag that is released")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "release")
    arguments = parser.parse_args()
    out: Path = arguments.out.resolve()
    version = stated_version(ROOT)
    problems = [*check_repeated(ROOT, version), *check_changelog(ROOT, version)]
    if arguments.tag is not None:
        problems += check_tag(ROOT, version, arguments.tag, out)
    shutil.rmtree(out, ignore_errors=True)
    (out / "sbom").mkdir(parents=True)
    if not problems:
        problems += build(ROOT, out, version)
        problems += package_chart(ROOT, out, required=arguments.tag is not None)
    for problem in problems:
        print(problem)
    if problems:
        return 1
    (out / "notes.md").write_text(section(ROOT, version)[1].strip() + "\n")
    describe(ROOT, out, version, validate=arguments.tag is not None)
    sums = [f"{digest(path)}  {path.name}" for path in sorted(out.glob("*/*"))]
    (out / "SHA256SUMS").write_text("\n".join(sums) + "\n")
    print(f"{version}: ready in {out}, nothing uploaded")
    return 0


def stated_version(root: Path) -> str:
    """Return the version, which sketchzoo/__init__.py states."""
    found = re.search(r'^__version__ = "(.+)"$', read(root / "sketchzoo/__init__.py"), re.MULTILINE)
    if found is None:
        raise SystemExit("sketchzoo/__init__.py states no __version__")
    return found[1]


def check_repeated(root: Path, version: str) -> list[str]:
    """Say where another version is repeated, and where none is."""
    problems = []
    for pattern, form in REPEATED.items():
        paths = sorted(root.glob(pattern))
        named = {
            path: re.findall(form, read(path), re.MULTILINE) for path in paths if path.is_file()
        }
        if not any(named.values()):
            problems.append(f"{pattern}: repeats no version")
        problems += [
            f"{path.relative_to(root)}: {other} is not {version}"
            for path, versions in named.items()
            for other in sorted(set(versions) - {version})
        ]
    return problems


def section(root: Path, name: str) -> tuple[str, str]:
    """Return what stands beside a version in the changelog's heading, and below; empty if none."""
    form = rf"^## {re.escape(name)}\b(.*)\n((?s:.*?))(?=^## |\Z)"
    found = re.search(form, read(root / "CHANGELOG.md"), re.MULTILINE)
    return (found[1], found[2]) if found else ("", "")


def check_changelog(root: Path, version: str) -> list[str]:
    """Say what the changelog's section of the version lacks."""
    heading, text = section(root, version)
    if not re.search(r"^- ", text, re.MULTILINE):
        return [f"CHANGELOG.md: no section '## {version} - DATE' with a change in it"]
    try:
        day = date.fromisoformat(heading.removeprefix(" - "))
    except ValueError:
        return [f"CHANGELOG.md: '## {version}{heading}' wants a date, '## {version} - 2026-11-28'"]
    cited = re.search(r"^date-released: (\S+)$", read(root / "CITATION.cff"), re.MULTILINE)
    if cited is None or cited[1] != day.isoformat():
        return [f"CITATION.cff: date-released is not the changelog's {day}"]
    return []


def check_tag(root: Path, version: str, tag: str, out: Path) -> list[str]:
    """Say what keeps a tag from being released."""
    problems = [] if tag == f"v{version}" else [f"the tag {tag} is not v{version}"]
    if re.search(r"^- ", section(root, "Unreleased")[1], re.MULTILINE):
        problems.append(f"CHANGELOG.md: changes under Unreleased belong to {version}")
    kept = root / "protos" / "released" / f"{version}.binpb"
    out.mkdir(parents=True, exist_ok=True)
    now = out / "protos.binpb"
    run("buf", "build", "protos", "--exclude-source-info", "-o", str(now), cwd=root)
    if not kept.is_file() or kept.read_bytes() != now.read_bytes():
        problems.append(f"{kept.relative_to(root)}: not the contracts of now; make release-protos")
    return problems


def build(root: Path, out: Path, version: str) -> list[str]:
    """Build wheel and sdist into `out/dist`; say what is wrong with them."""
    run("hatchling", "build", "-d", str(out / "dist"), cwd=root)
    made = {path.suffix: path for path in (out / "dist").iterdir()}
    with zipfile.ZipFile(made[".whl"]) as wheel:
        names = wheel.namelist()
        (described,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        texts = {made[".whl"]: wheel.read(described)}
    with tarfile.open(made[".gz"]) as sdist:
        information = sdist.extractfile(f"sketchzoo-{version}/PKG-INFO")
        texts[made[".gz"]] = b"" if information is None else information.read()
    problems = [f"{made['.whl'].name}: without {name}" for name in PROMISED if name not in names]
    if "-linux_" in made[".whl"].name:
        problems.append(f"{made['.whl'].name}: an index takes manylinux or musllinux only")
    for path, text in texts.items():
        # Raises an ExceptionGroup that names each field that an index would refuse.
        metadata = Metadata.from_email(text, validate=True)
        if str(metadata.version) != version:
            problems.append(f"{path.name}: is of version {metadata.version}")
        if not metadata.description or not metadata.license_files:
            problems.append(f"{path.name}: without a description or a licence")
    return problems


def package_chart(root: Path, out: Path, *, required: bool) -> list[str]:
    """Package the chart into `out/chart`; say that Helm is missing where it is required."""
    if not Path(sys.executable).with_name("helm").is_file():
        missing = "no Helm to package the chart with: make tools"
        if required:
            return [missing]
        print(missing)
        return []
    run("helm", "package", "deploy/helm/sketchzoo", "-d", str(out / "chart"), cwd=root)
    return []


def describe(root: Path, out: Path, version: str, *, validate: bool) -> None:
    """Write an SBOM for each lock file that is installed somewhere: an image, the demo.

    Validating one by CycloneDX's schema takes six times as long as making it.
    """
    for lock in sorted((root / "requirements").glob("*.txt")):
        if lock.stem in {"build", "dev", "uv"}:
            continue
        target = out / "sbom" / f"{lock.stem}.cdx.json"
        options = ["--pyproject", "pyproject.toml", "--output-reproducible", "-o", str(target)]
        options.append("--validate" if validate else "--no-validate")
        run("cyclonedx-py", "requirements", str(lock), *options, cwd=root)
        bom = json.loads(target.read_text())
        # pyproject.toml does not state it.
        bom["metadata"]["component"]["version"] = version
        target.write_text(json.dumps(bom, indent=1) + "\n")


def run(program: str, *arguments: str, cwd: Path) -> None:
    """Run one of the locked development tools; what it says stands in the error of a failure."""
    command = [str(Path(sys.executable).with_name(program)), *arguments]
    done = subprocess.run(  # noqa: S603 - our own command lines
        command, cwd=cwd, check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{program} ended with status {done.returncode}:\n{done.stderr}")


def digest(path: Path) -> str:
    """Return a file's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read(path: Path) -> str:
    """Return a file's text."""
    return path.read_text(encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
