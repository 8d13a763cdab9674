"""Errors: why a search has no answer, as a small hierarchy.

Each follows from a gRPC status code, which `code` names; `request_id` finds the call in
the services' logs.
"""

from typing import Any


class SearchError(Exception):
    """The search service, or the way there, failed the call."""

    def __init__(self, message: str, *, code: str = "UNKNOWN", request_id: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.request_id = request_id

    def __str__(self) -> str:
        where = f" (request {self.request_id})" if self.request_id else ""
        return f"{self.message}{where}"


class InvalidRequest(SearchError):  # noqa: N818 - reads as what is raised; SearchError is the base
    """The request is wrong; `field` is the path of what is, for instance `query.sketch`."""

    def __init__(self, message: str, *, field: str = "", **known: Any) -> None:
        super().__init__(message, **known)
        self.field = field


class Unsupported(SearchError):  # noqa: N818 - as above
    """The gallery's model cannot do what `field` asks for, `query.focus` or `query.text`."""

    def __init__(self, message: str, *, field: str = "", **known: Any) -> None:
        super().__init__(message, **known)
        self.field = field


class NotFound(SearchError):  # noqa: N818 - as above
    """There is no such gallery, or it has no such photo, or the photo's file has gone."""


class NotReady(SearchError):  # noqa: N818 - as above
    """The system must change first; `reason` is `NO_GALLERY`, `MODEL_MISMATCH` or the like."""

    def __init__(self, message: str, *, reason: str = "", **known: Any) -> None:
        super().__init__(message, **known)
        self.reason = reason


class Overloaded(SearchError):  # noqa: N818 - as above
    """Too many calls are under way; come back after `retry_after` seconds."""

    def __init__(self, message: str, *, retry_after: float | None = None, **known: Any) -> None:
        super().__init__(message, **known)
        self.retry_after = retry_after


class TooLarge(SearchError):  # noqa: N818 - as above
    """The message is over a limit, here or at the service: sending it again is no use.

    Make the picture smaller, send fewer at once, or raise `max_message_bytes` on both sides.
    """

    def __init__(self, message: str, *, code: str = "RESOURCE_EXHAUSTED", **known: Any) -> None:
        super().__init__(message, code=code, **known)


class Denied(SearchError):  # noqa: N818 - as above
    """The token is missing or wrong, or not good for the gallery."""


class Unavailable(SearchError):  # noqa: N818 - as above
    """The search service, the encoder or Qdrant is away."""


class DeadlineExceeded(Unavailable):
    """The answer did not come in time."""
