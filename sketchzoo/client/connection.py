"""The connection: how a client reaches the service, and what its calls may take."""

import math
import time
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr
from tenacity import retry_if_exception, stop_after_attempt, stop_before_delay

from sketchzoo.client import arguments
from sketchzoo.client.errors import Overloaded
from sketchzoo.client.query import MAX_MESSAGE_BYTES
from sketchzoo.retry import WaitAsAsked
from sketchzoo.rpc.channel import outgoing_metadata
from sketchzoo.rpc.target import check_target
from sketchzoo.rpc.tls import ClientTls

# The largest number that an option of a channel can have.
_MAX_INT = 2**31 - 1
_MAX_RETRIES = 100
# Later each time and never all at once, or the same crowd comes back together.
_WAIT = WaitAsAsked(longest=math.inf, growth=2.0, jitter=0.25)


@dataclass(frozen=True, slots=True)
class Connection:
    """What both clients are made with, checked: TypeError and ValueError name the argument."""

    target: str
    token: str | None = field(default=None, repr=False)
    tls: ClientTls | None = None
    timeout: float = 10.0
    retries: int = 2
    max_message_bytes: int = MAX_MESSAGE_BYTES

    def __post_init__(self) -> None:
        if not (self.tls is None or isinstance(self.tls, ClientTls)):
            raise TypeError(f'tls must be ClientTls("ca.pem"), not {type(self.tls).__name__}')
        most = arguments.whole("max_message_bytes", self.max_message_bytes, 1, _MAX_INT)
        checked: dict[str, Any] = {
            "target": check_target(arguments.text("target", self.target).strip()),
            "token": arguments.token(self.token),
            "timeout": arguments.seconds("timeout", self.timeout),
            "retries": arguments.whole("retries", self.retries, 0, _MAX_RETRIES),
            "max_message_bytes": most,
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Return what goes along with every call."""
        return outgoing_metadata(None if self.token is None else SecretStr(self.token))

    def retrying(self, until: float) -> dict[str, Any]:
        """Return how a call that is to end by `until` is repeated, as tenacity's arguments.

        gRPC itself repeats what failed with UNAVAILABLE before it reached a server; a refusal
        that says when to come back is obeyed here. Every method only reads, so repeating one
        is safe; streams are never repeated.
        """
        return {
            "retry": retry_if_exception(_may_pass),
            "wait": _WAIT,
            "stop": stop_after_attempt(self.retries + 1)
            | stop_before_delay(max(0.0, until - time.monotonic())),
            "reraise": True,
        }

    def until(self, timeout: float | None) -> float:
        """Return the end of a call that begins now, by the monotonic clock."""
        own = self.timeout if timeout is None else arguments.seconds("timeout", timeout)
        return time.monotonic() + own


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, Overloaded) and error.retry_after is not None
