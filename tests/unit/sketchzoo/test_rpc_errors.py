"""What a failed call to a part means to the caller of the part that needed it."""

import grpc
import grpc.aio
import pytest

from sketchzoo.qdrant import CollectionNotFoundError
from sketchzoo.rpc import CallError, exhausted, from_rpc_error, invalid, unavailable
from sketchzoo.rpc.errors import (
    MessageTooLargeError,
    PartFailedError,
    StreamEndedError,
    from_call,
    from_status,
)


def failed(code: grpc.StatusCode, details: str = "said so") -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), details=details)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (grpc.StatusCode.UNAUTHENTICATED, "DENIED"),
        (grpc.StatusCode.PERMISSION_DENIED, "DENIED"),
        (grpc.StatusCode.UNIMPLEMENTED, "UNIMPLEMENTED"),
    ],
)
def test_what_only_a_setting_can_mend_is_a_precondition(code: grpc.StatusCode, reason: str) -> None:
    """A refused token or a missing method is no absence: trying again would be no use."""
    error = from_rpc_error(failed(code), "the encoder")
    assert error.code is grpc.StatusCode.FAILED_PRECONDITION
    assert error.reason == reason
    assert "the encoder" in error.message
    assert "said so" in error.message


@pytest.mark.parametrize(
    "code",
    [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL],
)
def test_what_may_pass_is_an_absence(code: grpc.StatusCode) -> None:
    """UNAVAILABLE, and failures of the part's own."""
    error = from_rpc_error(failed(code), "Qdrant")
    assert error.code is grpc.StatusCode.UNAVAILABLE
    assert error.message == "Qdrant is away: said so"


def test_an_error_raised_again_keeps_its_type() -> None:
    """Whoever waits for another's call tells failures apart as that one does."""
    error = CollectionNotFoundError("photos-a")
    again = error.again()
    assert type(again) is CollectionNotFoundError
    assert (again.collection, str(again)) == ("photos-a", str(error))
    assert again.status() is error.status()
    assert again.__traceback__ is None


@pytest.mark.parametrize(
    ("code", "details", "kind"),
    [
        (
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "CLIENT: Sent message larger than max (9 vs. 8)",
            MessageTooLargeError,
        ),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "too many calls", CallError),
        (grpc.StatusCode.UNAVAILABLE, "max connection age", StreamEndedError),
        (grpc.StatusCode.UNAVAILABLE, "Connection refused", CallError),
    ],
)
def test_what_grpc_tells_in_words_alone_gets_a_type(
    code: grpc.StatusCode, details: str, kind: type[CallError]
) -> None:
    """Nobody after this needs the words; the type stays on the way through a part."""
    assert type(from_call(failed(code, details))) is kind
    passed_on = from_rpc_error(failed(code, details), "search")
    assert type(passed_on) is kind
    if kind is not CallError and code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        assert type(from_status(passed_on.status())) is kind


def test_a_part_that_failed_is_told_from_one_that_is_away() -> None:
    """Both are UNAVAILABLE to the caller; only the second is worth waiting for."""
    assert type(from_rpc_error(failed(grpc.StatusCode.INTERNAL), "x")) is PartFailedError
    assert type(from_rpc_error(failed(grpc.StatusCode.UNAVAILABLE), "x")) is CallError


def test_a_programs_details_are_at_hand() -> None:
    """Field, reason, part and when to come back, of an error made here and one that was told."""
    for wrong in (error := invalid("limit", "is wrong", reason="ODD"), from_status(error.status())):
        assert (wrong.field, wrong.reason, wrong.retry_after) == ("limit", "ODD", None)
    assert from_status(unavailable("Qdrant", "gone").status()).part == "Qdrant"
    assert from_status(exhausted("full", 0.25).status()).retry_after == 0.25
    none = CallError(grpc.StatusCode.UNKNOWN, "?")
    assert (none.field, none.reason, none.part, none.retry_after) == ("", "", "", None)
