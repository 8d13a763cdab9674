"""What every method has in common: the key, the deadline, and a name where it is not served."""

import hmac
import time
from collections.abc import Awaitable, Callable
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
    """Lets calls in: with the right key, and before their deadline."""

    def __init__(
        self, api_key: SecretStr | None, read_only_api_key: SecretStr | None = None
    ) -> None:
        self._api_key = None if api_key is None else api_key.get_secret_value().encode()
        self._read_only = (
            None if read_only_api_key is None else read_only_api_key.get_secret_value().encode()
        )

    def enter(self, context: Context, *, writes: bool = False) -> float:
        """Return the call's deadline in `time.monotonic()` seconds.

        UNAUTHENTICATED without a key, PERMISSION_DENIED where it may only read and the call
        writes, DEADLINE_EXCEEDED where nobody waits any more.
        """
        if self._api_key is not None:
            self._check_key(context, self._api_key, writes=writes)
        remaining: Any = context.time_remaining()  # None without a deadline, whatever the stubs say
        if remaining is not None and remaining <= 0:
            raise deadline_exceeded("the call waited for its turn")
        return time.monotonic() + (_FAR if remaining is None else remaining)

    def _check_key(self, context: Context, api_key: bytes, *, writes: bool) -> None:
        metadata: dict[str, Any] = dict(context.invocation_metadata() or ())
        given = metadata.get("api-key")
        bearer = metadata.get("authorization", "")
        if given is None and bearer.startswith("Bearer "):
            given = bearer.removeprefix("Bearer ")
        if given is None:
            raise CallError(
                rpc.StatusCode.UNAUTHENTICATED,
                "Must provide an API key or an Authorization bearer token",
            )
        if hmac.compare_digest(given.encode(), api_key):
            return
        if self._read_only is None or not hmac.compare_digest(given.encode(), self._read_only):
            raise CallError(rpc.StatusCode.UNAUTHENTICATED, "Invalid API key or JWT")
        if writes:
            raise CallError(
                rpc.StatusCode.PERMISSION_DENIED, "Forbidden: Global write access is required"
            )


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
