"""A file that has arrived in part, and what tells whether the rest still belongs to it."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import httpx


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes of a photo in a file, and beside it the validator of what they are part of."""

    path: Path

    @property
    def size(self) -> int:
        """Return how many bytes are there."""
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def validator(self) -> str:
        """The ETag or date by which the server knows this state of the file; empty if none."""
        try:
            return str(json.loads(self._beside.read_text())["validator"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def remember(self, response: httpx.Response) -> None:
        """Write down the validator of a file that is sent from its beginning."""
        tag = str(response.headers.get("etag", ""))
        # A weak tag may not be used in If-Range (RFC 9110, 13.1.5).
        if not tag or tag.startswith("W/"):
            tag = str(response.headers.get("last-modified", ""))
        self._beside.write_text(json.dumps({"validator": tag}))

    def forget(self) -> None:
        """Remove what arrived, so that the next attempt begins anew."""
        self.path.unlink(missing_ok=True)
        self._beside.unlink(missing_ok=True)

    def digest(self) -> str:
        """Return the SHA-256 of what is there, in hexadecimal."""
        return digest(self.path)

    @property
    def _beside(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")


def digest(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
