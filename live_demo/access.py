"""Access: who sees the page, by a password of its own or by a proxy's word.

The page shows private photos and where they were taken. Who gave the password has a session:
a cookie that is signed and not stored, so that nothing is kept of anybody. Behind a proxy that
knows its visitors, its header says who is there; anyone else's says nothing.
"""

import hashlib
import hmac
import math
import secrets
import time
from functools import partial
from importlib.resources import files
from typing import Protocol
from urllib.parse import parse_qs

from cachetools import TTLCache
from itsdangerous import BadSignature, URLSafeTimedSerializer
from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from live_demo.metrics import LiveMetrics
from live_demo.middleware import PEER, address
from live_demo.origins import Origins
from live_demo.settings import LiveSettings
from sketchzoo.limits import Peers, Rates

COOKIE = "sketchzoo_session"
# What says nothing of the gallery: the page's own files, and health for machines.
_OPEN = ("/login", "/healthz", "/readyz")
_OPEN_BELOW = "/static/"
_GUARD = "sketchzoo.guard"
_MOST_FORM_BYTES = 4096
_MOST_ENDED = 10_000


class Guard(Protocol):
    """Says for how many seconds a caller is let in, 0 for not at all."""

    def left(self, connection: HTTPConnection) -> float:
        """Judge one request or handshake."""


class Sessions:
    """Sessions of those who gave the password; one that was ended stays so in this process."""

    def __init__(self, password: SecretStr, key: SecretStr | None, seconds: float) -> None:
        self._password = _digest(password.get_secret_value())
        self.seconds = seconds
        secret = key.get_secret_value() if key else secrets.token_hex(32)
        # Another password ends the sessions of the last one's.
        bound = hmac.digest(secret.encode(), self._password, "sha256")
        self._signer = URLSafeTimedSerializer(
            bound, salt="sketchzoo.session", signer_kwargs={"digest_method": hashlib.sha256}
        )
        self._ended: TTLCache[str, None] = TTLCache(_MOST_ENDED, seconds)

    def opens(self, attempt: str) -> bool:
        """Tell whether this is the password, in the same time whatever it is."""
        return hmac.compare_digest(_digest(attempt), self._password)

    def begin(self) -> str:
        """Return the cookie of a new session."""
        return str(self._signer.dumps(secrets.token_hex(8)))

    def end(self, connection: HTTPConnection) -> None:
        """End the session of a caller."""
        if session := self._session(connection):
            self._ended[session[0]] = None

    def left(self, connection: HTTPConnection) -> float:
        """Return how many seconds the caller's session lasts."""
        session = self._session(connection)
        return 0.0 if session is None or session[0] in self._ended else session[1]

    def _session(self, connection: HTTPConnection) -> tuple[str, float] | None:
        """Return a session's name, as it was given one, and the seconds that it lasts."""
        age = round(self.seconds)
        cookie = connection.cookies.get(COOKIE, "")
        try:
            name, begun = self._signer.loads(cookie, max_age=age, return_timestamp=True)
        except BadSignature:
            return None
        return str(name), float(max(0.0, begun.timestamp() + self.seconds - time.time()))


class Identities:
    """Takes a proxy's word for who is there: one header, from one of `proxies` alone."""

    def __init__(self, header: str, proxies: Peers) -> None:
        self._header = header
        self._proxies = proxies

    def left(self, connection: HTTPConnection) -> float:
        """Let in whom a trusted proxy names."""
        peer = connection.scope.get(PEER)
        # A proxy that adds its header behind a visitor's own would pass the visitor's on.
        named = connection.headers.getlist(self._header)
        known = peer is not None and peer[0] in self._proxies
        return math.inf if known and len(named) == 1 and named[0].strip() else 0.0


class AccessMiddleware:
    """Lets in whom the guard does; others get the page's door, or 401."""

    def __init__(self, app: ASGIApp, guard: Guard, door: "Door", metrics: LiveMetrics) -> None:
        self._app = app
        self._guard = guard
        self._door = door
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = scope["path"]
        answer: ASGIApp = self._app
        if path not in _OPEN and not path.startswith(_OPEN_BELOW):
            scope[_GUARD] = self._guard
            if not self._guard.left(HTTPConnection(scope)):
                self._metrics.refused.labels("access").inc()
                answer = self._refusal(scope, path)
        await answer(scope, receive, send)

    def _refusal(self, scope: Scope, path: str) -> ASGIApp:
        if scope["type"] == "websocket":
            return WebSocketClose(1008, "give the password first")
        # In the page's place, so that its address with the drawing stays.
        if path == "/":
            return self._door.ask()
        return JSONResponse({"code": "UNAUTHENTICATED"}, 401, {"cache-control": "no-store"})


def seconds_left(connection: HTTPConnection) -> float | None:
    """Return how many seconds a caller is let in from now on, None where that has no end."""
    guard: Guard | None = connection.scope.get(_GUARD)
    left = math.inf if guard is None else guard.left(connection)
    return None if math.isinf(left) else left


class Door:
    """Asks for the password, and shows out who wants to leave."""

    def __init__(
        self, origins: Origins, attempts_per_minute: int, metrics: LiveMetrics, guard: Guard
    ) -> None:
        self._origins = origins
        self._guard = guard
        self._page = files("live_demo").joinpath("static/login.html").read_text("utf-8")
        self._attempts = Rates(attempts_per_minute / 60, attempts_per_minute)
        self._metrics = metrics

    @property
    def routes(self) -> list[BaseRoute]:
        """What it answers itself: nothing where a proxy knows its visitors."""
        if not isinstance(self._guard, Sessions):
            return []
        login, logout = partial(self.login, self._guard), partial(self.logout, self._guard)
        return [
            Route("/login", login, methods=["GET", "POST"]),
            Route("/logout", logout, methods=["POST"]),
        ]

    def ask(self, said: str = "", status: int = 401) -> Response:
        """Return the page that asks, with one of its messages shown."""
        if not isinstance(self._guard, Sessions):
            return PlainTextResponse(
                "The proxy in front of this page did not say who is there.\n", 401
            )
        page = self._page.replace(f'id="{said}" hidden', f'id="{said}"') if said else self._page
        return HTMLResponse(page, status, {"cache-control": "no-store"})

    async def login(self, sessions: Sessions, request: Request) -> Response:
        """Answer `/login`."""
        if request.method != "POST":
            return RedirectResponse("/", 303)
        if not _is_own(request, self._origins):
            return self._refuse("origin", 403)
        if wait := self._attempts.take(address(request)):
            answer = self._refuse("slow", 429)
            answer.headers["retry-after"] = str(int(wait) + 1)
            return answer
        form = parse_qs((await _body(request)).decode("utf-8", "replace"))
        if not sessions.opens(form.get("password", [""])[0]):
            return self._refuse("wrong", 401)
        entered = RedirectResponse("/", 303)
        _set(entered, request, sessions.begin(), round(sessions.seconds))
        return entered

    async def logout(self, sessions: Sessions, request: Request) -> Response:
        """Answer `/logout`: the session ends, whoever holds its cookie."""
        if not _is_own(request, self._origins):
            return PlainTextResponse("unknown origin\n", 403)
        sessions.end(request)
        left = Response(status_code=204, headers={"clear-site-data": '"cache"'})
        _set(left, request, "", 0)
        return left

    def _refuse(self, said: str, status: int) -> Response:
        self._metrics.refused.labels("password").inc()
        return self.ask(said, status)


def guard_of(settings: LiveSettings) -> Guard | None:
    """Return who judges callers; None where everybody is let in."""
    if settings.identity_header:
        return Identities(settings.identity_header, settings.proxies)
    password = settings.read_password()
    if password is None:
        return None
    return Sessions(password, settings.session_key, settings.session_seconds)


def _set(answer: Response, request: Request, cookie: str, seconds: int) -> None:
    answer.set_cookie(
        COOKIE,
        cookie,
        max_age=seconds,
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )


def _is_own(request: Request, origins: Origins) -> bool:
    headers: Headers = request.headers
    return origins.trusts(headers.get("origin"), headers.get("host"))


async def _body(request: Request) -> bytes:
    content = b""
    async for chunk in request.stream():
        content += chunk
        if len(content) > _MOST_FORM_BYTES:
            return b""
    return content


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
