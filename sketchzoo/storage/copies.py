"""Copies: files from elsewhere that are read here and there, kept on disk for a while."""

import gzip
import tempfile
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from sketchzoo.fetch import Sink
from sketchzoo.storage.error import StorageError, StorageReason, too_large
from sketchzoo.storage.local import open_file, path_of
from sketchzoo.storage.stores import scheme_of

_PIECE = 1024 * 1024

Bring = Callable[[str, BinaryIO, int], None]
"""Writes what a uri names into a file, at most so many bytes."""


class Copies:
    """Copies of whole files, at most `max_bytes` of them: the one used longest ago goes first.

    For threads: of one file a single copy is made, whoever asks meanwhile waits.
    """

    def __init__(self, bring: Bring, max_bytes: int) -> None:
        self._bring = bring
        self._max_bytes = max_bytes
        self._mutex = threading.Lock()
        self._opened = ExitStack()
        self._folder: Path | None = None
        self._count = 0
        self._making: dict[tuple[str, bool], threading.Lock] = {}
        self._kept: OrderedDict[tuple[str, bool], tuple[Path, int]] = OrderedDict()

    def close(self) -> None:
        """Delete all copies."""
        self._opened.close()

    def open(self, uri: str, *, unpacked: bool = False) -> BinaryIO:
        """Open a copy, which stays readable until it is closed, whatever is deleted meanwhile.

        `unpacked` undoes gzip.

        Raises:
            StorageError: it could not be had, or has over `max_bytes`.

        """
        key = (uri, unpacked)
        with self._mutex:
            making = self._making.setdefault(key, threading.Lock())
        try:
            # Others are read meanwhile: a copy may take minutes.
            with making:
                with self._mutex:
                    if key in self._kept:
                        self._kept.move_to_end(key)
                        return self._kept[key][0].open("rb")
                made = self._made(uri, unpacked=unpacked)
                with self._mutex:
                    self._keep(key, made)
                    return made[0].open("rb")
        except OSError as error:
            raise StorageError(
                StorageReason.UNREADABLE,
                f"cannot be kept in the folder for temporary files: {error.strerror}",
            ) from error

    def _keep(self, key: tuple[str, bool], made: tuple[Path, int]) -> None:
        self._kept[key] = made
        while len(self._kept) > 1 and self._bytes() > self._max_bytes:
            _, (oldest, _) = self._kept.popitem(last=False)
            oldest.unlink()

    def _bytes(self) -> int:
        return sum(size for _, size in self._kept.values())

    def _made(self, uri: str, *, unpacked: bool) -> tuple[Path, int]:
        path = self._new()
        try:
            with path.open("w+b") as file:
                if unpacked:
                    with self._packed(uri) as packed:
                        self._unpack(packed, file)
                else:
                    self._bring(uri, file, self._max_bytes)
                return path, file.tell()
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def _new(self) -> Path:
        with self._mutex:
            if self._folder is None:
                made = tempfile.TemporaryDirectory(prefix="sketchzoo-", ignore_cleanup_errors=True)
                self._folder = Path(self._opened.enter_context(made))
            self._count += 1
            return self._folder / str(self._count)

    @contextmanager
    def _packed(self, uri: str) -> Iterator[BinaryIO]:
        if scheme_of(uri) == "file":
            with open_file(path_of(uri)) as file:
                yield file
            return
        with tempfile.TemporaryFile(dir=self._folder) as copy:
            self._bring(uri, copy, self._max_bytes)
            copy.seek(0)
            yield copy

    def _unpack(self, packed: BinaryIO, file: BinaryIO) -> None:
        try:
            with gzip.open(packed) as unpacking:
                while piece := unpacking.read(_PIECE):
                    file.write(piece)
                    if file.tell() > self._max_bytes:
                        raise too_large(file.tell(), self._max_bytes)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise StorageError(StorageReason.UNREADABLE, f"cannot be unpacked: {error}") from error


class FileSink(Sink):
    """A fetch's way into a file, gone on from where an attempt ended."""

    def __init__(self, file: BinaryIO, max_bytes: int) -> None:
        self._file = file
        self._max_bytes = max_bytes
        self._validator = ""

    @property
    def max_bytes(self) -> int:
        """How many bytes it takes at most."""
        return self._max_bytes

    @property
    def expected(self) -> int | None:
        """Nobody said."""
        return None

    def held(self) -> tuple[int, str]:
        """Return how many bytes an earlier attempt left, if they can be gone on from."""
        return (self._file.tell() if self._validator else 0), self._validator

    @contextmanager
    def writing(self, begin: int, validator: str) -> Iterator[Callable[[bytes], object]]:
        """Give what appends to the file."""
        if begin == 0:
            self.discard()
            self._validator = validator
        yield self._file.write

    def discard(self) -> None:
        """Empty the file."""
        self._file.seek(0)
        self._file.truncate()
        self._validator = ""
