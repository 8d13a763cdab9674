"""Urls: where files lie on the web, and what may be said of that."""

import re
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_USER_INFO = re.compile(r"(?<=//)[^/?#]*@")


@dataclass(frozen=True, slots=True)
class Url:
    """An http or https url.

    `text` has no user info: it may be stored, logged and shown. `user_info`
    (`name:password`) is sent to the url's own server and kept nowhere.
    """

    text: str
    user_info: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a url.

        Raises:
            ValueError: it is no http or https url; the message does not show user info.

        """
        try:
            parts = urlsplit(text)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname)
            # Reading the port says whether it is one.
            usable = usable and (parts.port is None or parts.port > 0)
        except ValueError:
            usable = False
        if not usable or _CONTROL.search(text):
            # Where a url cannot be read, nobody knows where its user info ends.
            shown = re.sub(r"//.*@", "//", text, flags=re.DOTALL)
            raise ValueError(f"must be an http or https URL, not {shown[:200]!r}")
        return cls(_USER_INFO.sub("", text, count=1), parts.netloc.rpartition("@")[0])

    @property
    def whole(self) -> str:
        """The url with its user info, to be read by `parse` again."""
        return self.text.replace("//", f"//{self.user_info}@", 1) if self.user_info else self.text

    @property
    def shown(self) -> str:
        """The url without its query, which may be a signature: what messages call it."""
        return self.text.partition("#")[0].partition("?")[0]

    @property
    def is_secure(self) -> bool:
        """Whether it is an https url."""
        return urlsplit(self.text).scheme == "https"

    @property
    def origin(self) -> tuple[str, str | None, int | None]:
        """Scheme, host and port: whom user info is for."""
        parts = urlsplit(self.text)
        return parts.scheme, parts.hostname, parts.port
