"""What a build does beside packing files: it compiles sketchzoo/morphology.c.

The library is plain C and knows nothing of Python's interfaces, so that one wheel a platform
serves every version. Where no compiler is found (`cc`, or what CC names) the build says so in
a line and goes on: the package then computes the same pixels with NumPy.
"""

import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging.tags import platform_tags

SOURCE = "sketchzoo/morphology.c"
LIBRARY = "sketchzoo/libmorphology.so"
FLAGS = ("-std=c11", "-O3", "-shared", "-fPIC")
"""Nothing that only this machine's processor has: a wheel is for all of its kind."""
OLDEST_GLIBC = 17
"""What a wheel for Linux names at least (2.17): older ones no installer asks for."""


class CompilingHook(BuildHookInterface[Any]):
    """Lays the library into a wheel, or beside its source for an editable installation."""

    PLUGIN_NAME = "custom"
    _folder: tempfile.TemporaryDirectory[str] | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile before files are gathered."""
        source = Path(self.root, SOURCE)
        if version == "editable":
            if problem := compile_library(source, Path(self.root, LIBRARY)):
                self.app.display_warning(problem)
            return
        self._folder = tempfile.TemporaryDirectory()
        library = Path(self._folder.name, Path(LIBRARY).name)
        if problem := compile_library(source, library):
            self.app.display_warning(problem)
            return
        build_data["force_include"][str(library)] = LIBRARY
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform_tag(list(platform_tags()), library.read_bytes())}"

    def finalize(self, *_: Any) -> None:
        """Tidy up."""
        if self._folder is not None:
            self._folder.cleanup()


def compile_library(source: Path, library: Path) -> str | None:
    """Compile a library; return what kept it from being made, in one line.

    It takes its place whole: a process that has the one of before mapped goes on with that.
    """
    compiler = shlex.split(os.environ.get("CC") or "cc")
    flags = [*FLAGS, *shlex.split(os.environ.get("CFLAGS", ""))]
    try:
        with tempfile.TemporaryDirectory(dir=library.parent) as folder:
            made = Path(folder, library.name)
            command = [*compiler, *flags, "-o", str(made), source.name]
            subprocess.run(  # noqa: S603 - the builder's own compiler
                command, cwd=source.parent, check=True, capture_output=True, text=True
            )
            made.replace(library)
    except subprocess.CalledProcessError as error:
        reason = next(iter(error.stderr.splitlines()), f"status {error.returncode}")
    except OSError as error:
        reason = str(error)
    else:
        return None
    library.unlink(missing_ok=True)  # of another source, perhaps
    return f"{source.name} is not compiled, NumPy does its work: {compiler[0]}: {reason}"


def platform_tag(own: Sequence[str], library: bytes) -> str:
    """Return the platform that a library is for, given those that this machine takes.

    With glibc that is every one which has the versions of symbols that the library asks for.
    """
    asked = max([OLDEST_GLIBC, *map(int, re.findall(rb"GLIBC_2\.(\d+)", library))])
    minors = [re.match(r"manylinux_2_(\d+)_", tag) for tag in own]
    fitting = [found.string for found in minors if found and int(found[1]) >= asked]
    return fitting[-1] if fitting else own[0]
