"""Answers: what a server's status and header say of the file."""

import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Self
from urllib.parse import urljoin

import httpcore

from sketchzoo.fetch.sink import Failure, FetchError, TryAgainError
from sketchzoo.fetch.url import Url

_LATER = (408, 425, 429, 500, 502, 503, 504)
_REDIRECT = (301, 302, 303, 307, 308)
_GONE = (404, 410)
_OK, _PARTIAL, _UNSATISFIABLE = 200, 206, 416


class WrongPartError(TryAgainError):
    """What is there already is no part of the file: begin anew, at once."""

    def __init__(self, message: str) -> None:
        super().__init__(message, 0.0)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response's status and header."""

    status: int
    header: dict[str, str]

    @classmethod
    def of(cls, response: httpcore.Response) -> Self:
        """Read a response; of a field that is there several times the last one counts."""
        header = {
            name.decode("latin-1").lower(): value.decode("utf-8", "replace").strip()
            for name, value in response.headers
        }
        return cls(response.status, header)

    @property
    def encoding(self) -> str:
        """The content-encoding."""
        return self.header.get("content-encoding", "")

    @property
    def validator(self) -> str:
        """What tells this state of the file from others: an ETag, or else a date."""
        tag = self.header.get("etag", "")
        # A weak tag may not be used in If-Range (RFC 9110, 13.1.5); and what is unpacked here
        # is not what the ranges are of.
        if self.encoding not in ("", "identity"):
            return ""
        return tag if tag and not tag.startswith("W/") else self.header.get("last-modified", "")

    @property
    def length(self) -> int | None:
        """How many bytes follow, where that is said."""
        text = self.header.get("content-length", "")
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None  # noqa: PLR2004 - digits of 2**64

    def redirect(self, url: Url) -> Url | None:
        """Return where a redirect leads from `url`; None for an answer that is none.

        Raises:
            FetchError: REFUSED, it leads to no http or https, or from https to http.

        """
        if self.status not in _REDIRECT:
            return None
        try:
            there = Url.parse(urljoin(url.text, self.header.get("location", "")))
        except ValueError as error:
            raise FetchError(Failure.REFUSED, f"redirects to what {error}") from error
        if url.is_secure and not there.is_secure:
            raise FetchError(Failure.REFUSED, "redirects from https to http")
        # What a server sends along is not ours; and ours is for its own server only.
        return Url(there.text, url.user_info if there.origin == url.origin else "")

    def begin(self, have: int) -> int:
        """Return from which byte on the body goes, `have` being there already.

        Raises:
            FetchError: GONE or REFUSED.
            TryAgainError: it may work later.

        """
        if self.status in _GONE:
            raise FetchError(Failure.GONE, f"HTTP {self.status}")
        if self.status in _LATER:
            raise TryAgainError(f"HTTP {self.status}", self._retry_after())
        if self.status == _UNSATISFIABLE and have:
            raise WrongPartError("the file there is shorter than the part here")
        if self.status not in (_OK, _PARTIAL):
            raise FetchError(Failure.REFUSED, f"HTTP {self.status}")
        if self.status == _OK:
            return 0
        text = self.header.get("content-range", "").removeprefix("bytes ").split("-")[0]
        if not have or text != str(have) or self.encoding not in ("", "identity"):
            raise WrongPartError(f"sent bytes from {text[:20]!r}, asked for {have}")
        return have

    def _retry_after(self) -> float | None:
        """Return Retry-After in seconds, from a number or a date, as RFC 9110 has both."""
        text = self.header.get("retry-after", "")
        if text.isascii() and text.isdecimal():
            return float(text[:12])
        with contextlib.suppress(ValueError, TypeError, OverflowError):
            date = parsedate_to_datetime(text)
            # A date without a zone is GMT, as all of HTTP's are.
            date = date if date.tzinfo else date.replace(tzinfo=UTC)
            return max(0.0, (date - datetime.now(UTC)).total_seconds())
        return None
