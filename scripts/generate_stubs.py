"""Make the Python stubs of `protos/`; with `--check`, say whether they are fresh."""

import argparse
import filecmp
import subprocess
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROTOS = sorted((ROOT / "protos").rglob("*.proto"))


def generate(target: Path) -> None:
    """Write `_pb2.py`, `_pb2_grpc.py` and their type stubs below `target`."""
    subprocess.run(  # noqa: S603 - our own command line
        [
            sys.executable,
            "-m",
            "grpc_tools.protoc",
            f"--plugin=protoc-gen-mypy={Path(sys.executable).parent / 'protoc-gen-mypy'}",
            f"--plugin=protoc-gen-mypy_grpc={Path(sys.executable).parent / 'protoc-gen-mypy_grpc'}",
            f"-I{ROOT / 'protos'}",
            f"-I{ROOT / 'third_party' / 'googleapis'}",
            f"-I{files('grpc_tools') / '_proto'}",
            f"--python_out={target}",
            f"--grpc_python_out={target}",
            f"--mypy_out=quiet:{target}",
            f"--mypy_grpc_out=quiet:{target}",
            *map(str, PROTOS),
        ],
        check=True,
    )


def stale(fresh: Path) -> list[Path]:
    """Return the stubs whose committed text differs from those below `fresh`."""
    made = [path.relative_to(fresh) for path in sorted(fresh.rglob("*_pb2*"))]
    return [
        path
        for path in made
        if not (ROOT / path).exists() or not filecmp.cmp(fresh / path, ROOT / path, shallow=False)
    ]


def main() -> int:
    """Generate or check; exit 1 where a committed stub is stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail on stale stubs")
    if not parser.parse_args().check:
        generate(ROOT)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        outdated = stale(Path(folder))
    for path in outdated:
        print(f"{path} is not what its proto makes: run `make stubs`", file=sys.stderr)
    return 1 if outdated else 0


if __name__ == "__main__":
    sys.exit(main())
