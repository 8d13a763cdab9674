"""The journal of an index build: the writes made while a copy is being indexed.

They are in the current shard's own log too, so the journal need not survive a crash. It
stays in memory while small and moves to a temporary file after that.
"""

import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

from qdrant_client import grpc

from embedded_qdrant.operations import Overwrite, Write, WriteRequest, message_of

_IN_MEMORY_BYTES = 16 * 1024 * 1024
_HEAD = struct.Struct("<BI")
_KINDS: tuple[type[WriteRequest], ...] = (
    grpc.UpsertPoints,
    grpc.DeletePoints,
    grpc.SetPayloadPoints,
    grpc.DeletePayloadPoints,
    grpc.CreateFieldIndexCollection,
)
_OVERWRITE = len(_KINDS)


class JournalFullError(Exception):
    """More was written during an index build than the journal may hold."""


class Journal:
    """Writes in the order they were made; read once, from the oldest on."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        # Next to the data: that disk is made for this much. Closed by close().
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES, dir=str(folder))  # noqa: SIM115
        self._max_bytes = max_bytes
        self._end = 0
        self._read = 0
        self.length = 0

    def append(self, write: Write) -> None:
        """Note a write; JournalFullError past the limit."""
        body = message_of(write).SerializeToString()
        kind = _OVERWRITE if isinstance(write, Overwrite) else _KINDS.index(type(message_of(write)))
        if self._end + _HEAD.size + len(body) > self._max_bytes:
            raise JournalFullError(f"the journal holds {self._max_bytes} bytes")
        self._file.seek(self._end)
        self._file.write(_HEAD.pack(kind, len(body)))
        self._file.write(body)
        self._end = self._file.tell()
        self.length += 1

    def read(self, at_most: int) -> Iterator[Write]:
        """Give the oldest writes that were not read yet."""
        for _ in range(min(at_most, self.length)):
            self._file.seek(self._read)
            kind, size = _HEAD.unpack(self._file.read(_HEAD.size))
            body = self._file.read(size)
            self._read = self._file.tell()
            self.length -= 1
            if kind == _OVERWRITE:
                yield Overwrite(grpc.SetPayloadPoints.FromString(body))
            else:
                yield _KINDS[kind].FromString(body)

    def close(self) -> None:
        """Forget everything."""
        self._file.close()
