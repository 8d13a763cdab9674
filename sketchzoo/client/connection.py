"""The connection: how a client reaches the service, and what its calls may take."""

import time
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from sketchzoo.client import arguments
from sketchzoo.client.calls import Retries
from sketchzoo.client.query import MAX_MESSAGE_BYTES
from sketchzoo.rpc.channel import outgoing_metadata
from sketchzoo.rpc.target import check_target
from sketchzoo.rpc.tls import ClientTls

# The largest number that an option of a channel can have.
_MAX_INT = 2**31 - 1


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
            "retries": Retries(self.retries).most,
            "max_message_bytes": most,
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Return what goes along with every call."""
        return outgoing_metadata(None if self.token is None else SecretStr(self.token))

    def until(self, timeout: float | None) -> float:
        """Return the end of a call that begins now, by the monotonic clock."""
        own = self.timeout if timeout is None else arguments.seconds("timeout", timeout)
        return time.monotonic() + own
