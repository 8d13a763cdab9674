"""The stack that runs: its addresses, where other commands find them.

A data folder's `stack.json` is locked while `up` or `demo` runs on it: a second one finds it
taken, and a file without its lock is nobody's, whatever it says. The file names the stack's
addresses; a note in a folder of the user's leads to it from anywhere on this machine
(docs/adr/0053-a-stack-has-a-folder-and-a-guardian.md).
"""

import contextlib
import hashlib
import json
import os
import stat
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# The settings that name a stack's services.
SERVICES = (
    "SKETCHZOO_SEARCH_TARGET",
    "SKETCHZOO_ENCODER_TARGET",
    "SKETCHZOO_GALLERY_TARGET",
    "SKETCHZOO_QDRANT_URL",
)
# A stack's data folder where no other was said.
DATA = Path("out")
# A stack that was just killed holds its lock until its guardian has ended the parts, and who
# looks for one holds it for a moment.
_WAIT_SECONDS = 3.0
_FILE = "stack.json"


class InUseError(RuntimeError):
    """Another stack runs on the data folder; the message says what to do."""


class UnclearError(RuntimeError):
    """It can't be told where a stack is that may be meant; the message says what to do."""


@dataclass(frozen=True, slots=True)
class RunningStack:
    """A stack that runs: its data folder and the settings by which commands find it."""

    data: Path
    environment: Mapping[str, str]


class HeldFolder:
    """A data folder that this process's stack has for itself.

    `lock` is the file that says so: whoever has it open, the stack's guardian for instance,
    holds the folder too.
    """

    def __init__(self, data: Path, lock: int) -> None:
        self._data = data.resolve()
        self.lock = lock
        self._write({"pid": os.getpid()})

    def publish(self, environment: Mapping[str, str]) -> None:
        """Tell other commands where this stack is."""
        self._write({"pid": os.getpid(), "environment": dict(environment)})
        folder = _notes(make=True)
        # Without a note it is found by its folder alone.
        if folder is not None:
            with contextlib.suppress(OSError):
                _note(folder, self._data).write_text(str(self._data))

    def close(self) -> None:
        """Tell of this stack no more."""
        folder = _notes(make=False)
        if folder is not None:
            with contextlib.suppress(OSError):
                _note(folder, self._data).unlink(missing_ok=True)
        os.ftruncate(self.lock, 0)
        os.close(self.lock)

    def _write(self, content: Mapping[str, Any]) -> None:
        text = json.dumps(content, indent=2).encode() + b"\n"
        os.pwrite(self.lock, text, 0)
        os.ftruncate(self.lock, len(text))


@contextlib.contextmanager
def held(data: Path) -> Iterator[HeldFolder]:
    """Have a data folder to oneself while the context is open.

    Raises:
        InUseError: another stack runs on it.
        OSError: it can't be made or written.

    """
    data.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(data / _FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    end = time.monotonic() + _WAIT_SECONDS
    while not _lock(descriptor, shared=False):
        if time.monotonic() > end:
            process = _read(descriptor).get("pid", "unknown")
            os.close(descriptor)
            raise InUseError(
                f"another stack (process {process}) runs on {data}: stop it, or choose another "
                "folder with --data"
            )
        time.sleep(0.1)
    folder = HeldFolder(data, descriptor)
    try:
        yield folder
    finally:
        folder.close()


def find() -> RunningStack | None:
    """Return the stack that commands act on where nothing else was said; None if there is none.

    It is the one of `SKETCHZOO_UP_DATA`, by default of `./out`; where none runs there, the
    only one that this user runs on this machine.

    Raises:
        UnclearError: it has no addresses yet, or several run elsewhere.

    """
    if sys.platform == "win32":
        return None
    here = _running(_default_data())
    if here is not None:
        return here
    others = list(_others())
    if len(others) > 1:
        names = ", ".join(str(stack.data) for stack in others)
        raise UnclearError(
            f"several stacks run ({names}): choose one, for instance with "
            f"SKETCHZOO_UP_DATA={others[0].data}"
        )
    return others[0] if others else None


def described(address: str) -> str:
    """Return an address with the stack that it belongs to, if it is of one that runs."""
    with contextlib.suppress(UnclearError):
        stack = find()
        if stack is not None and address in stack.environment.values():
            return f"{address} (the stack of {stack.data})"
    return address


def _default_data() -> Path:
    return Path(os.environ.get("SKETCHZOO_UP_DATA") or DATA)


def _running(data: Path) -> RunningStack | None:
    try:
        descriptor = os.open(data / _FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if _lock(descriptor, shared=True):
            return None
        environment = _read(descriptor).get("environment")
    except OSError:  # a file system without locks
        return None
    finally:
        os.close(descriptor)
    if environment is None:
        raise UnclearError(f"the stack of {data} is starting or stopping: try again in a moment")
    return RunningStack(data, environment)


def _others() -> Iterator[RunningStack]:
    folder = _notes(make=False)
    for note in sorted(folder.iterdir()) if folder is not None else ():
        with contextlib.suppress(OSError, UnclearError):
            stack = _running(Path(note.read_text()))
            if stack is not None:
                yield stack
            else:
                note.unlink(missing_ok=True)


def _notes(*, make: bool) -> Path | None:
    """Return the user's own folder of notes; None where it is missing, or is not the user's."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    own = Path(runtime) if runtime else Path(tempfile.gettempdir())
    folder = own / ("sketchzoo" if runtime else f"sketchzoo-{os.getuid()}")
    with contextlib.suppress(OSError):
        if make:
            folder.mkdir(mode=0o700, exist_ok=True)
        state = folder.lstat()
        if stat.S_ISDIR(state.st_mode) and state.st_uid == os.getuid():
            return folder
    return None


def _note(folder: Path, data: Path) -> Path:
    return folder / hashlib.sha256(os.fsencode(data)).hexdigest()[:16]


def _lock(descriptor: int, *, shared: bool) -> bool:
    import fcntl  # noqa: PLC0415 - Windows has none, and no stack

    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(descriptor: int) -> dict[str, Any]:
    try:
        content = json.loads(os.pread(descriptor, 64 * 1024, 0))
    except ValueError:  # it is being written
        return {}
    return content if isinstance(content, dict) else {}
