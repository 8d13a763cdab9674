"""Bodies: what a server packed though it was not asked to, unpacked piece by piece."""

import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

from sketchzoo.fetch.sink import Failure, FetchError, TryAgainError

# The most that one step unpacks, whatever a bomb would: whoever takes it counts.
_PIECE = 64 * 1024
_GZIP, _ZLIB, _RAW = 31, 15, -15
_HEAD = 2
_WINDOWS = {"gzip": _GZIP, "x-gzip": _GZIP, "deflate": _ZLIB}


async def unpacked(pieces: AsyncIterator[bytes], encoding: str) -> AsyncIterator[bytes]:
    """Yield a body as it was before its content-encoding, in pieces of 64 KiB at most.

    Raises:
        FetchError: REFUSED, the encoding is none that can be undone.
        TryAgainError: it cannot be undone to its end.

    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        async for piece in pieces:
            yield piece
        return
    if encoding not in _WINDOWS:
        raise FetchError(
            Failure.REFUSED,
            f"was sent with content-encoding {encoding[:80]!r}, which was not asked for and "
            "cannot be undone here",
        )
    unpacking = _Unpacking(encoding)
    try:
        async for piece in pieces:
            for part in unpacking.feed(piece):
                yield part
    except zlib.error as error:
        raise TryAgainError(f"its content-encoding {encoding} is damaged: {error}") from error
    if not unpacking.is_whole:
        raise TryAgainError(f"ended in the middle of its content-encoding {encoding}")


class _Unpacking:
    """Undoes gzip (several members, too) and deflate, with zlib's wrapping or without."""

    def __init__(self, encoding: str) -> None:
        self._window = _WINDOWS[encoding]
        self._stream: Any = None
        # What tells how deflate is wrapped.
        self._head = b""

    @property
    def is_whole(self) -> bool:
        """Whether it may end here: an empty body is one."""
        return not self._head if self._stream is None else bool(self._stream.eof)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what more bytes unpack to."""
        if self._stream is None:
            data = self._head = self._head + data
            if len(data) < _HEAD:
                return
            self._stream = zlib.decompressobj(self._wrapping(data))
        more = True
        while more:
            piece = self._stream.decompress(data, _PIECE)
            if piece:
                yield piece
            data = self._stream.unconsumed_tail
            more = bool(data) or len(piece) == _PIECE
            if self._stream.eof:
                data = self._stream.unused_data.lstrip(b"\0")  # some servers pad
                more = bool(data) and self._window == _GZIP
                if more:
                    self._stream = zlib.decompressobj(_GZIP)

    def _wrapping(self, data: bytes) -> int:
        if self._window == _ZLIB and (
            data[0] & 15 != zlib.DEFLATED or (data[0] << 8 | data[1]) % 31
        ):
            # RFC 9110 says zlib (RFC 1950); some servers send what is in it alone.
            return _RAW
        return self._window
