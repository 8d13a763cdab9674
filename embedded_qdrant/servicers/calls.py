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

    def __init__(
        self, api_key: SecretStr | None, read_only_api_key: SecretStr | None = None
    ) -> None:
        self._api_key = None if api_key is None else api_key.get_secret_value().encode()
        self._read_only = (
            None if read_only_api_key is None else read_only_api_key.get_secret_value().encode()
        )

    def enter(self, context: Context, *, writes: bool = False) -> float:
        """Return the call's deadline in `time.monotonic()` seconds.

        PERMISSION_DENIED where the key may only read and the call writes, DEADLINE_EXCEEDED
        where nobody waits any more.
        """
        if writes and self._may_only_read(dict(context.invocation_metadata() or ())):
            raise CallError(
                rpc.StatusCode.PERMISSION_DENIED, "Forbidden: Global write access is required"
            )
        remaining: Any = context.time_remaining()  # None without a deadline, whatever the stubs say
        if remaining is not None and remaining <= 0:
            raise deadline_exceeded("the call waited for its turn")
        return time.monotonic() + (_FAR if remaining is None else remaining)

    def check(self, headers: Mapping[str, str]) -> None:
        """Refuse a call whose headers lack a key that is known: UNAUTHENTICATED."""
        if self._api_key is None:
            return
        given = _key(headers)
        if given is None:
            raise CallError(
                rpc.StatusCode.UNAUTHENTICATED,
                "Must provide an API key or an Authorization bearer token",
            )
        if not hmac.compare_digest(given, self._api_key) and not self._may_only_read(headers):
            raise CallError(rpc.StatusCode.UNAUTHENTICATED, "Invalid API key or JWT")

    def _may_only_read(self, headers: Mapping[str, Any]) -> bool:
        given = _key(headers)
        return (
            given is not None
            and self._read_only is not None
            and hmac.compare_digest(given, self._read_only)
        )


def _key(headers: Mapping[str, Any]) -> bytes | None:
    """Return the key that a call shows, as Qdrant takes it: `api-key`, or a bearer token."""
    given = headers.get("api-key")
    bearer = headers.get("authorization", "")
    if given is None and bearer.startswith("Bearer "):
        given = bearer.removeprefix("Bearer ")
    return None if given is None else str(given).encode()


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
