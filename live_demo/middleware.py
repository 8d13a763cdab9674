"""Middleware: what every request is checked for, and what every answer carries."""

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from live_demo.metrics import LiveMetrics
from live_demo.origins import Origins
from sketchzoo.limits import Rates, caller

# Everything the page needs comes from its own origin; nothing inline runs or styles.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # To its own origin alone: without any, a browser hides the Origin of a form, too.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


PEER = "sketchzoo.peer"


class PeerMiddleware:
    """Keeps who is at the connection's other end, before a proxy's word takes its place."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        scope[PEER] = scope.get("client")
        await self._app(scope, receive, send)


class SecurityMiddleware:
    """Refuses requests under a stranger's name and adds the headers to every answer.

    What says nothing of its own about caches is asked for again: a new version is seen at once.
    """

    def __init__(self, app: ASGIApp, origins: Origins) -> None:
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("cache-control", "no-cache")
            await send(message)

        answer: ASGIApp = self._app
        if not self._origins.serves(HTTPConnection(scope).headers.get("host")):
            answer = WebSocketClose(1008, "unknown host")
            if scope["type"] == "http":
                answer = PlainTextResponse(
                    "This name is not known here; the operator can allow it by "
                    "SKETCHZOO_LIVE_ALLOWED_HOSTS.\n",
                    421,
                )
        await answer(scope, receive, send_with_headers)


class RateLimitMiddleware:
    """Answers 429 to an address that asks too often."""

    def __init__(self, app: ASGIApp, rates: Rates, metrics: LiveMetrics) -> None:
        self._app = app
        self._rates = rates
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        answer: ASGIApp = self._app
        if wait := self._rates.take(address(HTTPConnection(scope))):
            self._metrics.refused.labels("rate").inc()
            headers = {"retry-after": str(int(wait) + 1), "cache-control": "no-store"}
            answer = PlainTextResponse("too many requests\n", 429, headers)
        await answer(scope, receive, send)


def address(connection: HTTPConnection) -> str:
    """Return whom a request is counted as."""
    return caller(connection.client.host) if connection.client else "unknown"
