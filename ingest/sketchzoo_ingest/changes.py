"""Changes: paths that changed in folders, held back until what lies there stands still."""

import asyncio
import os
import stat
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path

import structlog

log = structlog.get_logger()

# More changes at once are not followed one by one: all is listed, which misses nothing.
MOST = 1000
# A path that does not come to rest, such as a growing log, is looked at again that often.
_QUIET_SECONDS = 1.0
_GATHER_MILLISECONDS = 400

_AGAIN_SECONDS = 10.0

_Look = tuple[int, int, int] | None
"""What tells that a file stands still: its length, its time of change and its inode."""


class Changes:
    """Paths that changed, each until two looks at it, a second apart, found the same.

    A new folder counts as the files in it. Where more change than are worth following,
    `all_changed` says that everything is to be listed. What the system lost is not told: a
    listing now and then finds it. Of what does not matter nothing is noted.
    """

    def __init__(
        self,
        matters: Callable[[str], bool] = lambda path: True,  # noqa: ARG005 - default
        quiet_seconds: float = _QUIET_SECONDS,
    ) -> None:
        self._matters = matters
        self._quiet_seconds = quiet_seconds
        self._looks: dict[str, tuple[float, _Look]] = {}
        self.all_changed = False

    @property
    def waiting(self) -> int:
        """How many paths wait to stand still."""
        return len(self._looks)

    def add(self, path: str, after_seconds: float = 0.0) -> None:
        """Note a change; it is not looked at before so many seconds have passed."""
        files = [path]
        with suppress(OSError):
            if stat.S_ISDIR(os.lstat(path).st_mode):
                # Of a folder that is moved in, nothing is heard of what is in it.
                files = _below(path)
        for file in filter(self._matters, files):
            if len(self._looks) >= MOST:
                self.all_have()
                return
            self._looks[file] = (time.monotonic() + after_seconds, _look(file))

    def all_have(self) -> None:
        """Note that anything may have changed."""
        self._looks.clear()
        self.all_changed = True

    def ready(self) -> list[str]:
        """Return and forget the paths that stand still."""
        now = time.monotonic()
        still: list[str] = []
        for path, (since, before) in list(self._looks.items()):
            look = _look(path)
            if look != before:
                self._looks[path] = (now, look)
            elif now - since >= self._quiet_seconds:
                del self._looks[path]
                still.append(path)
        return sorted(still)


def _look(path: str) -> _Look:
    try:
        found = os.stat(path)  # noqa: PTH116 - once for each change and second
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ino


def _below(folder: str) -> list[str]:
    files: list[str] = []
    for above, _, names in os.walk(folder):
        files += (os.path.join(above, name) for name in names)  # noqa: PTH118 - of bytes, too
        if len(files) > MOST:
            break
    return files


@asynccontextmanager
async def watched(folders: Sequence[Path], changes: Changes, *, poll: bool) -> AsyncIterator[None]:
    """Note what changes below folders while the context is open.

    With `poll` the folders are looked through again and again, which network drives need.
    Where a folder itself is another than before, as when a disk comes or goes, anything may
    have changed.
    """
    stop = threading.Event()

    async def follow() -> None:
        while True:
            try:
                await _follow(folders, changes, stop, poll=poll)
            except (OSError, RuntimeError, ExceptionGroup) as error:
                # A folder that is away, the system's limit of what may be watched, or what
                # cannot be looked at; the last come from the library's thread, in a group.
                log.warning("cannot watch", error=str(error), again_seconds=_AGAIN_SECONDS)
                await asyncio.sleep(_AGAIN_SECONDS)
            changes.all_have()

    following = asyncio.create_task(follow())
    try:
        yield
    finally:
        stop.set()
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following


async def _follow(
    folders: Sequence[Path], changes: Changes, stop: threading.Event, *, poll: bool
) -> None:
    """Note changes until a folder is there and another one than before."""
    from watchfiles import awatch  # noqa: PLC0415 - who watches nothing needs none

    before = _identities(folders)
    following = awatch(
        *folders,
        watch_filter=None,
        debounce=4 * _GATHER_MILLISECONDS,
        step=_GATHER_MILLISECONDS // 4,
        stop_event=stop,
        rust_timeout=1000,
        yield_on_timeout=True,
        force_polling=poll or None,
        poll_delay_ms=2000,
        ignore_permission_denied=True,
    )
    async with aclosing(following):
        async for found in following:
            paths = sorted({path for _, path in found})
            if len(paths) > MOST:
                changes.all_have()
            else:
                for path in paths:
                    changes.add(path)
            now = _identities(folders)
            if now != before and None not in now:
                return


def _identities(folders: Sequence[Path]) -> list[tuple[int, int] | None]:
    identities: list[tuple[int, int] | None] = []
    for folder in folders:
        try:
            found = folder.stat()
        except OSError:
            identities.append(None)
        else:
            identities.append((found.st_dev, found.st_ino))
    return identities
