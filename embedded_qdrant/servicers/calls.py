"""What every method has in common: the key, the deadline, and a name where it is not served."""

import hmac
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import grpc as rpc
from pydantic import SecretStr

from embedded_qdrant.errors import unserved
from sketchzoo.rpc import CallError, deadline_exceeded

Context = rpc.aio.ServicerContext[Any, Any]
_Servicer = TypeVar("_Servicer")
# A deadline for calls that come without one: the server's own default ends them.
_FAR = 24 * 3600.0


class Gate:
    """Lets calls in: with the right key, before their message is read, and in time."""

    def __init__(self, api_key: SecretStr | None) -> None:
        self._api_key = None if api_key is None else api_key.get_secret_value().encode()

    def enter(self, context: Context) -> float:
        """Return the call's deadline in `time.monotonic()` seconds.

        DEADLINE_EXCEEDED where nobody waits any more.
        """
        remaining: Any = context.time_remaining()  # None without a deadline, whatever the stubs say
        if remaining is not None and remaining <= 0:
            raise deadline_exceeded("the call waited for its turn")
        return time.monotonic() + (_FAR if remaining is None else remaining)

    def check(self, headers: Mapping[str, str]) -> None:
        """Refuse a call whose headers lack the key: UNAUTHENTICATED."""
        if self._api_key is None:
            return
        given = headers.get("api-key")
        bearer = headers.get("authorization", "")
        if given is None and bearer.startswith("Bearer "):
            given = bearer.removeprefix("Bearer ")
        if given is None:
            raise CallError(
                rpc.StatusCode.UNAUTHENTICATED,
                "Must provide an API key or an Authorization bearer token",
            )
        if not hmac.compare_digest(given.encode(), self._api_key):
            raise CallError(rpc.StatusCode.UNAUTHENTICATED, "Invalid API key or JWT")


def refuse_the_rest(service: Any) -> Callable[[type[_Servicer]], type[_Servicer]]:
    """Answer UNIMPLEMENTED, by name, on every method of `service` that a class lacks.

    `service` is the service's descriptor.
    """

    def decorate(servicer: type[_Servicer]) -> type[_Servicer]:
        for method in service.methods:
            if method.name not in vars(servicer):
                setattr(servicer, method.name, _refusal(f"{service.full_name}/{method.name}"))
        return servicer

    return decorate


def _refusal(name: str) -> Callable[[Any, Any, Context], Awaitable[Any]]:
    async def refuse(self: Any, request: Any, context: Context) -> Any:  # noqa: ARG001 - gRPC's form
        raise unserved(name)

    return refuse
