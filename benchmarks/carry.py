"""A folder to carry to a bare machine: `python -m benchmarks.carry out/carried`.

It holds this checkout with its model, the benchmarks, the drawn workload and the packages that a
machine with torch and ONNX Runtime lacks. There `python run.py --only gpu` needs no network and
installs nothing: it unpacks the packages beside itself.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from benchmarks.workload import prepare

ROOT = Path(__file__).resolve().parents[1]
_EXTRAS = ("encoder", "embedded", "ingest", "search")
# What a machine for models has. These are too large to be carried, too.
_THERE = {
    *("torch", "torchvision", "timm", "onnxruntime", "numpy", "pillow", "safetensors"),
    *("flatbuffers", "sympy", "mpmath"),
}
# What the benchmark of a GPU never imports: HEIC.
_UNUSED = {"pillow-heif"}
_MOST_BYTES = 64 * 2**20
_REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)(.*)$")
_RUN = '''\
"""Unpack what was carried, once; then `python -m benchmarks` with it."""

import os
import sys
import tarfile
from pathlib import Path

here = Path(__file__).resolve().parent
if not (here / "site").is_dir():
    with tarfile.open(here / "site.tar.xz") as carried:
        carried.extractall(here, filter="data")
paths = [str(here / "site"), str(here), os.environ.get("PYTHONPATH", "")]
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
os.chdir(here)
os.execv(sys.executable, [sys.executable, "-m", "benchmarks", *sys.argv[1:]])
'''


def main() -> int:
    """Make the folder; return 1 where it is more than may be carried."""
    parser = argparse.ArgumentParser(prog="benchmarks.carry", description=__doc__)
    parser.add_argument("folder", type=Path, help="a folder to make")
    parser.add_argument("--python", default="3.12", help="of the machine that it goes to")
    arguments = parser.parse_args()
    folder: Path = arguments.folder.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as made:
        wheels = Path(made)
        _run("hatchling", "build", "-t", "wheel", "-d", made)
        _download(wheels, arguments.python, pinned())
        _unpack(wheels, wheels / "site")
        # Smaller than the wheels, which compress each file alone and less well.
        shutil.make_archive(str(folder / "site"), "xztar", made, "site")
    shutil.copytree(
        ROOT / "benchmarks",
        folder / "benchmarks",
        ignore=shutil.ignore_patterns("__pycache__", "carry.py"),
    )
    prepare(folder / "out" / "bench")
    (folder / "run.py").write_text(_RUN)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{folder}: {size / 2**20:.1f} MiB; there: python run.py --only gpu")
    if size > _MOST_BYTES:
        print(f"more than {_MOST_BYTES / 2**20:.0f} MiB", file=sys.stderr)
    return int(size > _MOST_BYTES)


def pinned() -> list[str]:
    """Return `name==version` of all that the services and the benchmarks need, as it is here."""
    found: dict[str, str] = {}
    wanted = [f"sketchzoo[{','.join(_EXTRAS)}]"]
    while wanted:
        name, extras = _named(wanted.pop())
        if name in found or name in _THERE | _UNUSED:
            continue
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # it is for another system
            continue
        for line in requires(name) or ():
            requirement, _, marker = line.partition(";")
            if "extra" not in marker or any(f"'{e}'" in _plain(marker) for e in extras):
                wanted.append(requirement.strip())
    del found["sketchzoo"]
    return sorted(f"{name}=={number}" for name, number in found.items())


def _plain(marker: str) -> str:
    return marker.replace('"', "'")


def _named(requirement: str) -> tuple[str, list[str]]:
    match = _REQUIREMENT.match(requirement)
    if match is None:
        raise ValueError(f"{requirement!r} names no package")
    extras = re.match(r"\s*\[([^\]]*)\]", match[2])
    name = re.sub(r"[-_.]+", "-", match[1]).lower()
    return name, [each.strip() for each in extras[1].split(",")] if extras else []


def _download(wheels: Path, python: str, packages: list[str]) -> None:
    tag = python.replace(".", "")
    platforms = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
    _run(
        *("pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"),
        *("--python-version", python, "--implementation", "cp"),
        *(word for abi in (f"cp{tag}", "abi3", "none") for word in ("--abi", abi)),
        *(word for platform in platforms for word in ("--platform", platform)),
        *("--dest", str(wheels), *packages),
    )


def _unpack(wheels: Path, site: Path) -> None:
    for wheel in sorted(wheels.glob("*.whl")):
        zipfile.ZipFile(wheel).extractall(site)
    # What a wheel has for the interpreter's own folder lies in `name.data/purelib`.
    for folder in site.glob("*.data/*lib"):
        for each in folder.iterdir():
            each.rename(site / each.name)


def _run(*module: str) -> None:
    subprocess.run([sys.executable, "-m", *module], cwd=ROOT, check=True)


if __name__ == "__main__":
    sys.exit(main())
