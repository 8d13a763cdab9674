"""Reading: a call's message, within its time and the memory that there is for it.

gRPC says nothing of a message before it is whole. Most are whole within a moment; for one
that is not, room for the largest is held, since that is what its caller may send while we
wait. A message that is none is the caller's mistake, INVALID_ARGUMENT, where gRPC itself
would answer UNKNOWN.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from sketchzoo.limits import NoneLeftError
from sketchzoo.rpc.admission import Permit
from sketchzoo.rpc.call import Context
from sketchzoo.rpc.errors import CallError, invalid
from sketchzoo.rpc.streams import Stream

# Within this time nothing is held for a message that is on its way. What can arrive in it is
# what the network carries; a server that is late itself looks once more before it refuses.
_MOMENT_SECONDS = 0.1
# gRPC says in one breath that there is no message and that the call was cancelled.
_BREATH_SECONDS = 0.05

_aio: Any = grpc.aio  # the stubs lack EOF
_EOF = _aio.EOF

Parse = Callable[[bytes], Any] | None


async def read_one(context: Context, permit: Permit, parse: Parse) -> Any:
    """Read the one message of a call; while it is used, its own bytes are held.

    Raises:
        CallError: INVALID_ARGUMENT; there is none, or it is none. DEADLINE_EXCEEDED; it did
            not arrive in time. RESOURCE_EXHAUSTED; there is no memory left for it.

    """
    content = await _Arrival(context, permit).message()
    if content is _EOF:
        # Most likely a cancelled call, which ends this wait.
        await asyncio.sleep(_BREATH_SECONDS)
        raise invalid("request", "is missing: the call ended without a message")
    permit.hold_in_place_of_all(len(content))
    return parsed(content, parse)


class _Arrival:
    """A message on its way."""

    def __init__(self, context: Context, permit: Permit) -> None:
        self._context = context
        self._permit = permit
        self._seconds = permit.admission.rules.read_seconds
        self._loop = asyncio.get_running_loop()
        # Most need no second timer: the limit is set when the first has gone off.
        self._limit = asyncio.timeout(None)
        self._late = self._loop.time() + self._seconds
        self._timer = self._loop.call_later(_MOMENT_SECONDS, self._hold)
        self._looked = False
        self._refusal: CallError | None = None

    async def message(self) -> Any:
        """Return the message's bytes, or EOF."""
        try:
            async with self._limit:
                return await self._context.read()
        except TimeoutError:
            if self._refusal is not None:
                raise self._refusal from None
            self._permit.admission.refused("time")
            raise CallError(
                grpc.StatusCode.DEADLINE_EXCEEDED,
                f"the call's message did not arrive within {self._seconds:g} s",
            ) from None
        finally:
            self._timer.cancel()

    def _hold(self) -> None:
        admission = self._permit.admission
        try:
            admission.hold(self._permit, admission.rules.max_message_bytes)
        except NoneLeftError as error:
            if not self._looked:
                self._looked = True
                self._timer = self._loop.call_later(_MOMENT_SECONDS, self._hold)
                return
            self._refusal = self._permit.refusal(of_share=error.of_share)
            self._limit.reschedule(self._loop.time())
        else:
            self._limit.reschedule(self._late)


class Requests:
    """The messages of a stream, one after the other."""

    def __init__(self, context: Context, stream: Stream, parse: Parse) -> None:
        self._context = context
        self._stream = stream
        self._parse = parse

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        self._stream.is_waiting = True
        content = await self._context.read()
        self._stream.is_waiting = False
        if content is _EOF:
            self._stream.half_closed()
            raise StopAsyncIteration
        self._stream.touch()
        return parsed(content, self._parse)


def parsed(content: bytes, parse: Parse) -> Any:
    """Return the message that the bytes hold; raises `CallError` INVALID_ARGUMENT."""
    if parse is None:
        return content
    try:
        return parse(content)
    except DecodeError as error:
        raise invalid("request", "is not a message of this method's type") from error
