"""Who sees the page: by its password, by a proxy's word, and nobody else."""

import asyncio
from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError
from websockets.exceptions import InvalidStatus

from live_demo.access import COOKIE
from live_demo.bootstrap import running
from live_demo.settings import LiveSettings
from tests.integration.live_demo.fake_search import FakeSearch
from tests.integration.live_demo.live_here import Live, live_here
from tests.integration.live_demo.page import Page
from tests.integration.live_demo.test_exposed import closed

WORDS = "correct horse"


async def entered(live: Live, http: httpx.AsyncClient, words: str = WORDS) -> httpx.Response:
    """Give the password as the door's form does."""
    return await http.post("/login", data={"password": words}, headers={"origin": live.url})


async def test_without_the_password_nothing_of_the_gallery_is_seen(
    fake: FakeSearch, target: str
) -> None:
    """Not the page, not a photo, not a search; the door, its files and health are open."""
    photo = next(iter(fake.photos))
    async with (
        live_here(target, password=WORDS) as live,
        httpx.AsyncClient(base_url=live.url) as http,
    ):
        door = await http.get("/")
        assert (door.status_code, "<form" in door.text) == (401, True)
        for path in (
            f"/photos/{photo}/320",
            f"/photos/{photo}/original",
            "/gallery",
            "/folders",
            "/meaning",
        ):
            assert (await http.get(path)).status_code == 401
        for path in ("/map", "/nowhere", "//gallery", "/static", "/login/x"):
            assert (await http.get(path)).status_code == 401
        with pytest.raises(InvalidStatus):
            await Page(live.port).__aenter__()
        for path in ("/static/page.css", "/healthz", "/readyz"):
            assert (await http.get(path)).status_code == 200
    assert fake.photos_asked == 0
    assert not fake.requests


async def test_a_session_holds_for_pages_photos_and_searches(fake: FakeSearch, target: str) -> None:
    """Its cookie is out of scripts' reach and of other sites'; photos stay out of shared caches."""
    photo = next(iter(fake.photos))
    async with (
        live_here(target, password=WORDS) as live,
        httpx.AsyncClient(base_url=live.url) as http,
    ):
        answer = await entered(live, http)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        cookie = answer.headers["set-cookie"].lower()
        for part in ("httponly", "samesite=lax", "max-age=604800", "path=/"):
            assert part in cookie
        assert WORDS not in cookie
        page = await http.get("/")
        assert (page.status_code, 'id="canvas"' in page.text) == (200, True)
        assert (
            (await http.get(f"/photos/{photo}/320")).headers["cache-control"].startswith("private")
        )
        assert (await http.get("/gallery")).json()["leave"] is True
        headers = {"cookie": f"{COOKIE}={http.cookies[COOKIE]}"}
        async with Page(live.port, additional_headers=headers) as socket:
            assert (await socket.search())["type"] == "answer"


async def test_a_session_ends(target: str) -> None:
    """By itself, for an open WebSocket too; by leaving, whoever kept its cookie; forged never."""
    async with (
        live_here(target, password=WORDS, session_seconds=2) as live,
        httpx.AsyncClient(base_url=live.url) as http,
    ):
        await entered(live, http)
        cookie = http.cookies[COOKIE]
        headers = {"cookie": f"{COOKIE}={cookie}"}
        async with Page(live.port, additional_headers=headers) as socket:
            assert (await closed(socket))[0] == 4401
        async with asyncio.timeout(10):
            while (await http.get("/gallery")).status_code != 401:  # noqa: ASYNC110 - time passes
                await asyncio.sleep(0.1)
    async with (
        live_here(target, password=WORDS) as live,
        httpx.AsyncClient(base_url=live.url) as http,
    ):
        await entered(live, http)
        cookie = http.cookies[COOKIE]
        headers = {"cookie": f"{COOKIE}={cookie}"}
        async with Page(live.port, additional_headers=headers) as socket:
            assert (await socket.search())["type"] == "answer"
            assert (await http.post("/logout", headers={"origin": live.url})).status_code == 204
            await socket.ask()
            assert (await closed(socket))[0] == 4401
        assert COOKIE not in http.cookies
        for tried in (cookie, f"{cookie}x", cookie.replace(".", "x", 1)):
            headers = {"cookie": f"{COOKIE}={tried}"}
            assert (await http.get("/gallery", headers=headers)).status_code == 401


async def test_passwords_are_not_tried_without_end(target: str) -> None:
    """429 with Retry-After, also for the right one by then."""
    async with (
        live_here(target, password=WORDS, login_attempts_per_minute=3) as live,
        httpx.AsyncClient(base_url=live.url) as http,
    ):
        codes = [(await entered(live, http, f"wrong {number}")).status_code for number in range(4)]
        assert codes == [401, 401, 401, 429]
        refused = await entered(live, http)
        assert refused.status_code == 429
        assert 0 < int(refused.headers["retry-after"]) <= 21
        assert "Too many tries" in refused.text


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example"])
async def test_another_page_lets_nobody_in_or_out(target: str, origin: str | None) -> None:
    """A form of a stranger's page is refused before its password is looked at."""
    headers = {"origin": origin} if origin else {}
    async with (
        live_here(target, password=WORDS) as live,
        httpx.AsyncClient(base_url=live.url) as http,
    ):
        answer = await http.post("/login", data={"password": WORDS}, headers=headers)
        assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)
        await entered(live, http)
        assert (await http.post("/logout", headers=headers)).status_code == 403
        assert (await http.get("/gallery")).status_code == 200


async def test_sessions_outlive_a_restart_with_a_key_and_not_another_password(target: str) -> None:
    """Gateways of one page with the same key take each other's."""
    key = "0123456789abcdef"
    async with (
        live_here(target, password=WORDS, session_key=key) as live,
        httpx.AsyncClient(base_url=live.url) as http,
    ):
        await entered(live, http)
        headers = {"cookie": f"{COOKIE}={http.cookies[COOKIE]}"}
    for words, status in ((WORDS, 200), ("another horse", 401)):
        async with (
            live_here(target, password=words, session_key=key) as live,
            httpx.AsyncClient(base_url=live.url) as http,
        ):
            assert (await http.get("/gallery", headers=headers)).status_code == status


async def test_a_trusted_proxy_says_who_is_there(target: str) -> None:
    """Its header lets in, whatever address it forwards; from anyone else it says nothing."""
    settings = {"identity_header": "X-Forwarded-User", "trusted_proxies": "127.0.0.2"}
    named = {"x-forwarded-user": "ada", "x-forwarded-for": "203.0.113.7"}
    async with live_here(target, **settings) as live:
        proxy = httpx.AsyncHTTPTransport(local_address="127.0.0.2")
        async with httpx.AsyncClient(base_url=live.url, transport=proxy) as http:
            assert (await http.get("/gallery", headers=named)).status_code == 200
            assert (await http.get("/gallery")).status_code == 401
            assert (await http.get("/")).status_code == 401
            unnamed = {"x-forwarded-user": ""}
            assert (await http.get("/gallery", headers=unnamed)).status_code == 401
            twice = [("x-forwarded-user", "eve"), ("x-forwarded-user", "ada")]
            assert (await http.get("/gallery", headers=twice)).status_code == 401
        async with httpx.AsyncClient(base_url=live.url) as http:
            claimed = named | {"x-forwarded-for": "127.0.0.2"}
            assert (await http.get("/gallery", headers=claimed)).status_code == 401
        with pytest.raises(InvalidStatus):
            await Page(live.port, additional_headers=named).__aenter__()


async def test_the_password_is_read_from_a_file_and_never_logged(
    target: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its line break is not part of it; an empty file is refused in words."""
    path = tmp_path / "password"
    path.write_text(f"{WORDS}\n")
    async with (
        live_here(target, password_file=path) as live,
        httpx.AsyncClient(base_url=live.url) as http,
    ):
        assert (await entered(live, http)).status_code == 303
        assert (await entered(live, http, "wrong horse")).status_code == 401
    out, err = capfd.readouterr()
    assert "horse" not in out + err
    path.write_text("\n")
    with pytest.raises(ValueError, match="password_file: a password has at least 8 characters"):
        async with running(LiveSettings(port=0, search_target=target, password_file=path)):
            pass


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"password": "short"}, "at least 8 characters"),
        ({"password": WORDS, "identity_header": "X-User", "trusted_proxies": "::1"}, "one of"),
        ({"identity_header": "X-User"}, "identity_header needs trusted_proxies"),
        ({"identity_header": "X-User", "trusted_proxies": "*,::1"}, "anybody's"),
        ({"identity_header": "X-User", "trusted_proxies": "10.0.0.1, 0.0.0.0/0"}, "anybody's"),
        ({"identity_header": "X-User", "trusted_proxies": "::/0"}, "anybody's"),
    ],
)
def test_what_would_let_everybody_in_is_refused(given: dict[str, str], told: str) -> None:
    """When the settings are read, naming the setting."""
    with pytest.raises(ValidationError, match=told):
        LiveSettings(**given)


def test_settings_do_not_show_the_password() -> None:
    """Nor does what is logged of them."""
    assert "horse" not in repr(LiveSettings(password=WORDS))
