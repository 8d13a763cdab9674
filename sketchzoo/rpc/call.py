"""Calls: what is called, and how gRPC's handlers are told apart."""

from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio

Context = grpc.aio.ServicerContext[Any, Any]

_KINDS = {
    (False, False): "unary",
    (True, False): "client_stream",
    (False, True): "server_stream",
    (True, True): "bidi_stream",
}


@dataclass(frozen=True, slots=True)
class Call:
    """A method's names and kind."""

    service: str
    method: str
    kind: str

    @classmethod
    def of(cls, path: str, handler: Any) -> "Call":
        """Return what `path`, the wire's name of a method with this handler, stands for."""
        _, service, method = path.split("/", 2)
        return cls(service, method, _KINDS[handler.request_streaming, handler.response_streaming])

    @property
    def name(self) -> str:
        """The full name, for logs and traces."""
        return f"{self.service}/{self.method}"

    @property
    def is_health(self) -> bool:
        """Whether it asks for health: let in whatever the rules say."""
        return self.service.startswith("grpc.health.")

    @property
    def by_machines(self) -> bool:
        """Whether machines ask it all day long: health, reflection."""
        return self.is_health or self.service.startswith("grpc.reflection.")

    @property
    def attributes(self) -> dict[str, str | int]:
        """What a trace tells of it."""
        return {"rpc.system": "grpc", "rpc.service": self.service, "rpc.method": self.method}
