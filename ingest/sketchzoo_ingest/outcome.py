"""Outcomes: what became of each photo that a source listed, and why."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class Outcome(StrEnum):
    """What became of a photo."""

    WRITTEN = "written"
    """Embedded and written; it was not there before."""
    UPDATED = "updated"
    """There already, under another class, uri or columns: its payload was replaced."""
    UNCHANGED = "unchanged"
    """There already, as it is."""
    DUPLICATE = "duplicate"
    """The same content was listed before in this run; the first one stands."""
    REFUSED = "refused"
    """Not a photo that can be embedded; its reason says why."""


class Reason(StrEnum):
    """Why a photo was refused or left out."""

    EMPTY = "empty"
    NOT_AN_IMAGE = "not_an_image"
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    TRUNCATED = "truncated"
    UNREADABLE = "unreadable"
    NOT_FOUND = "not_found"
    NOT_A_FILE = "not_a_file"
    NO_CLASS = "no_class"
    BAD_NAME = "bad_name"
    BAD_ROW = "bad_row"
    OUTSIDE = "outside"
    PRIVATE_ADDRESS = "private_address"
    FETCH_FAILED = "fetch_failed"
    ENCODER_REFUSED = "encoder_refused"
    DUPLICATE = "duplicate"
    DUPLICATE_IN_OTHER_CLASS = "duplicate_in_other_class"

    @classmethod
    def of(cls, stated: str) -> Self:
        """Return the reason that an image was refused for; one of no name here is the encoder's."""
        try:
            return cls(stated.lower())
        except ValueError:
            return cls(cls.ENCODER_REFUSED)

    @property
    def outcome(self) -> Outcome:
        """The outcome that the reason explains."""
        if self in (Reason.DUPLICATE, Reason.DUPLICATE_IN_OTHER_CLASS):
            return Outcome.DUPLICATE
        return Outcome.REFUSED


class RefusedError(Exception):
    """A photo cannot be read from its source; `reason` and the message say why."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


@dataclass(frozen=True, slots=True)
class Refusal:
    """A photo that was left out: where it was listed, its uri if it has one, and why."""

    origin: str
    reason: Reason
    message: str
    uri: str = ""
    class_name: str = ""


@dataclass(frozen=True, slots=True)
class Settled:
    """A photo's outcome, its point's id if it has one, and why it was left out, if it was.

    `replaced` is the id of the photo that was at its uri until now, and is deleted.
    """

    outcome: Outcome
    photo_id: str = ""
    refusal: Refusal | None = None
    replaced: str = ""
