"""Fetching from a server that has every fault."""

import base64
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler

import pytest

from sketchzoo.fetch import Failure, FetchLimits
from tests.integration.fetch.fetching import Pauses, failure, fetch
from tests.integration.fetch.site_server import Site, cut_short, send, status

CONTENT = b"photo " * 1000
Answer = Callable[[BaseHTTPRequestHandler, int], None]


def test_fetches(site: Site) -> None:
    """A url's bytes are returned, after a redirect too."""
    url = site.photo("/new/a.jpg", CONTENT)
    site.answers["/a.jpg"] = status(301, location="/new/a.jpg")
    assert fetch(url) == fetch(f"{site.url}/a.jpg") == CONTENT


@pytest.mark.parametrize(
    ("answer", "kind", "asked"),
    [
        (status(404), Failure.GONE, 1),
        (status(410), Failure.GONE, 1),
        (status(403), Failure.REFUSED, 1),
        (status(204), Failure.REFUSED, 1),
        (status(304), Failure.REFUSED, 1),
        (status(500), Failure.FAILED, 3),
        (status(302, location="/a.jpg"), Failure.REFUSED, 6),
        (status(302), Failure.REFUSED, 6),
        (status(302, location="file:///etc/hostname"), Failure.REFUSED, 1),
        (status(302, location="ftp://127.0.0.1/a.jpg"), Failure.REFUSED, 1),
        (status(302, location="http://[broken/"), Failure.REFUSED, 1),
        (status(302, location="http://127.0.0.1:99999/"), Failure.REFUSED, 1),
    ],
)
def test_bad_answers(site: Site, answer: Answer, kind: Failure, asked: int) -> None:
    """Each bad answer has its kind, and is asked for as often as may help."""
    site.answers["/a.jpg"] = answer
    assert failure(f"{site.url}/a.jpg").failure is kind
    assert site.hits["/a.jpg"] == asked


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/a.jpg", "http://a b/c", "http://a..b/c"])
def test_no_server(url: str) -> None:
    """A url that leads nowhere fails; nothing else is raised."""
    assert failure(url, attempts=1).failure in (Failure.FAILED, Failure.REFUSED)


def test_backs_off_twice_as_long(site: Site) -> None:
    """Pauses double, and what the server asks for goes before."""
    pauses = Pauses()
    answers = [status(503), status(429, retry_after="7"), status(500)]
    site.answers["/a.jpg"] = lambda handler, hit: (
        answers[hit - 1](handler, hit) if hit <= len(answers) else send(handler, CONTENT)
    )
    limits = {"attempts": 4, "backoff_seconds": 0.5, "pauses": pauses}
    assert fetch(f"{site.url}/a.jpg", **limits) == CONTENT
    assert pauses == [0.5, 7.0, 2.0]


@pytest.mark.parametrize("zone", ["GMT", "-0000"])
def test_waits_until_a_date(site: Site, zone: str) -> None:
    """Retry-After as a date is waited for."""
    pauses = Pauses()
    then = format_datetime(datetime.now(UTC) + timedelta(seconds=9), usegmt=True)
    site.answers["/a.jpg"] = lambda handler, hit: (
        status(503, retry_after=then.replace("GMT", zone))(handler, hit)
        if hit == 1
        else send(handler, CONTENT)
    )
    assert fetch(f"{site.url}/a.jpg", pauses=pauses) == CONTENT
    assert 6 < pauses[0] <= 9


@pytest.mark.parametrize("past", ["Mon, 01 Jan 2001 00:00:00 GMT", "soon", "-5", "9" * 400])
def test_odd_dates(site: Site, past: str) -> None:
    """A date that has passed is no wait; what is no date is not honoured."""
    site.answers["/a.jpg"] = status(503, retry_after=past)
    assert failure(f"{site.url}/a.jpg").failure is Failure.FAILED


def test_wait_beyond_the_time_left(site: Site) -> None:
    """A server that asks for longer than there is time is left, and that is said."""
    pauses = Pauses()
    site.answers["/a.jpg"] = status(429, retry_after="3600")
    error = failure(f"{site.url}/a.jpg", pauses=pauses, seconds=20)
    assert error.failure is Failure.FAILED
    assert "HTTP 429; asks to wait 3600 s, over 20 s" in str(error)
    assert (pauses, site.hits["/a.jpg"]) == ([], 1)


def test_goes_on_where_it_stopped(site: Site) -> None:
    """After a broken connection only the rest is asked for."""
    site.answers["/a.jpg"] = lambda handler, hit: (cut_short if hit == 1 else send)(
        handler, CONTENT
    )
    assert fetch(f"{site.url}/a.jpg") == CONTENT
    assert site.ranges == ["", f"bytes={len(CONTENT) // 2}-"]


@pytest.mark.parametrize("later", ['"two"', "", '"zw\xf6lf"'])
def test_halves_of_two_files_are_not_joined(site: Site, later: str) -> None:
    """Where the file has changed, or nobody can tell, it is fetched from its beginning."""
    site.answers["/a.jpg"] = lambda handler, hit: (
        cut_short(handler, b"old" * 1000, etag='"one"' if later else "")
        if hit == 1
        else send(handler, CONTENT, etag=later)
    )
    assert fetch(f"{site.url}/a.jpg") == CONTENT


def test_announced_too_large(site: Site) -> None:
    """A file whose announced length is over the limit is not read at all."""
    error = failure(site.photo("/a.jpg", CONTENT), max_bytes=len(CONTENT) - 1)
    assert (error.failure, str(error)) == (
        Failure.TOO_LARGE,
        f"has {len(CONTENT)} bytes; at most {len(CONTENT) - 1} are taken",
    )


def test_endless_file(site: Site) -> None:
    """A file that says nothing of its length is cut off at the limit."""

    def answer(handler: BaseHTTPRequestHandler, hit: int) -> None:
        handler.send_response(200)
        handler.send_header("connection", "close")
        handler.end_headers()
        handler.close_connection = True
        while True:
            handler.wfile.write(bytes(10_000))

    site.answers["/a.jpg"] = answer
    assert failure(f"{site.url}/a.jpg").failure is Failure.TOO_LARGE


def test_silent_server(site: Site) -> None:
    """A server that stops sending is left after read_seconds, and asked again."""
    release = threading.Event()

    def answer(handler: BaseHTTPRequestHandler, hit: int) -> None:
        handler.send_response(200)
        handler.send_header("content-length", "1000")
        handler.end_headers()
        handler.wfile.write(b"x")
        handler.wfile.flush()
        release.wait(20)

    site.answers["/a.jpg"] = answer
    error = failure(f"{site.url}/a.jpg", read_seconds=0.2, attempts=2)
    release.set()
    assert "ReadTimeout" in str(error)
    assert site.hits["/a.jpg"] == 2


def test_user_info_is_for_its_own_server(site: Site) -> None:
    """User info is sent to the url's server, after a redirect there too, and to no other."""
    other = "http://localhost:" + site.url.rpartition(":")[2]
    site.answers["/a.jpg"] = status(302, location="/b.jpg")
    site.answers["/b.jpg"] = status(302, location=f"{other}/c.jpg")
    site.photo("/c.jpg", CONTENT)
    assert fetch(f"{site.url}/a.jpg".replace("//", "//ada:p%40ss@")) == CONTENT
    basic = "Basic " + base64.b64encode(b"ada:p@ss").decode()
    assert [header.get("authorization") for header in site.headers] == [basic, basic, None]


def test_user_info_is_not_told(site: Site) -> None:
    """No failure shows user info, be it the url's own or a redirect's."""
    for answer in (
        status(403),
        status(500),
        status(302, location="http://eve:secret@127.0.0.1:1/"),
        status(302, location="ftp://eve:secret@127.0.0.1/"),
        status(302, location="http://eve:sec/ret@127.0.0.1:x/"),
    ):
        site.answers["/a.jpg"] = answer
        text = str(failure(f"{site.url}/a.jpg".replace("//", "//ada:secret@")))
        assert "secret" not in text
        assert "eve" not in text


@pytest.mark.parametrize("name", ["seconds", "attempts", "at_once", "read_seconds"])
def test_nonsense_limits_are_refused(name: str) -> None:
    """Limits that no fetch could meet are mistakes."""
    with pytest.raises(ValueError, match=name):
        FetchLimits(**{name: 0})  # type: ignore[arg-type] # any of them
