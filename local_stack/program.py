"""The program: how this command line is called from where the user is."""

import shlex
import shutil
import sys
from pathlib import Path


def program() -> str:
    """Return what to type: `sketchzoo` where it is on the path, else where it lies."""
    own = Path(sys.prefix) / "bin" / "sketchzoo"
    if not own.exists():
        return f"{shlex.quote(sys.executable)} -m sketchzoo"
    found = shutil.which("sketchzoo")
    if found is not None and Path(found).samefile(own):
        return "sketchzoo"
    return shlex.quote(near(own))


def near(path: Path) -> str:
    """Return a path as it is written from the working directory, where it lies below."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
