"""What a failed call to a part means to the caller of the part that needed it."""

import grpc
import grpc.aio
import pytest
from google.rpc import error_details_pb2

from sketchzoo.qdrant import CollectionNotFoundError
from sketchzoo.rpc import from_rpc_error


def failed(code: grpc.StatusCode) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), details="said so")


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
    info = error.details[0]
    assert isinstance(info, error_details_pb2.ErrorInfo)
    assert info.reason == reason
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
