"""The page's files: read once at the start, so that no request can name another."""

import gzip
import hashlib
from dataclasses import dataclass
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class File:
    """A file as it is sent: plain and compressed, with the tag of its content."""

    content: bytes
    compressed: bytes
    media_type: str
    tag: str

    @classmethod
    def of(cls, content: bytes, media_type: str) -> "File":
        """Compress and tag a content."""
        tag = f'"{hashlib.sha256(content).hexdigest()[:24]}"'
        return cls(content, gzip.compress(content, mtime=0), media_type, tag)

    def answer(self, request: Request) -> Response:
        """Answer a request for it: 304 where the browser has it already."""
        headers = {"etag": self.tag, "cache-control": "no-cache", "vary": "accept-encoding"}
        if self.tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["content-encoding"] = "gzip"
            return Response(self.compressed, media_type=self.media_type, headers=headers)
        return Response(self.content, media_type=self.media_type, headers=headers)


def page_files() -> dict[str, File]:
    """Read the page's files, by name."""
    found: dict[str, File] = {}
    for each in files("live_demo").joinpath("static").iterdir():
        suffix = "." + each.name.rpartition(".")[2]
        if suffix in _TYPES:
            found[each.name] = File.of(each.read_bytes(), _TYPES[suffix])
    return found
