"""A gRPC server before another one: passes calls on, or refuses them as it is told."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import grpc


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is answered in place of the server, to methods whose name ends so."""

    code: grpc.StatusCode
    method: str = ""
    retry_after: int | None = None


class Doorman(grpc.GenericRpcHandler):
    """Listens on a free port before `target` while the context is open."""

    def __init__(self, target: str) -> None:
        self.refusal: Refusal | None = None
        self._channel = grpc.insecure_channel(target)
        self._server = grpc.server(ThreadPoolExecutor(8), handlers=(self,))
        self.port = self._server.add_insecure_port("127.0.0.1:0")

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """Handle every method alike, as bytes."""
        method: str = handler_call_details.method
        forward: Callable[..., bytes] = self._channel.unary_unary(method)

        def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
            refusal = self.refusal
            if refusal is not None and method.endswith(refusal.method):
                if refusal.retry_after is not None:
                    context.set_trailing_metadata((("retry-after", str(refusal.retry_after)),))
                context.abort(refusal.code, "refused for the test")
            return forward(request, timeout=10)

        return grpc.unary_unary_rpc_method_handler(answer)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.stop(None).wait()
        self._channel.close()
