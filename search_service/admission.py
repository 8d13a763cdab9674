"""Admission: how many calls of a kind may be under way; the others are refused at once.

A caller who is refused within a millisecond can go elsewhere or come back; one who
waits in a long queue gets an answer that is too late. So nothing waits here.
"""

from types import TracebackType
from typing import Self

from sketchzoo.rpc import CallError, exhausted


class Admission:
    """At most `limit` holders at once; `with admission:` holds a place.

    Raises:
        CallError: RESOURCE_EXHAUSTED with RetryInfo; all places are taken.

    """

    def __init__(self, what: str, limit: int, retry_seconds: float) -> None:
        if limit < 1:
            raise ValueError(f"limit must be at least 1, not {limit}")
        self.limit = limit
        # Its message and details serve every refusal, so that one costs next to nothing.
        self._refusal = exhausted(f"{limit} {what} are under way already", retry_seconds)
        self.held = 0

    def __enter__(self) -> Self:
        if self.held >= self.limit:
            refusal = self._refusal
            raise CallError(refusal.code, refusal.message, *refusal.details)
        self.held += 1
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.held -= 1
