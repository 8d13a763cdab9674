"""Errors of calls: a status code, a message and the details a program can read.

Details follow google/rpc/error_details.proto (AIP-193): BadRequest names the field,
RetryInfo says when to come back, ErrorInfo gives a stable reason.
"""

from typing import Any, Self

import grpc
import grpc.aio
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from sketchzoo.rpc.reasons import plain

DOMAIN = "sketchzoo"
_CODES: dict[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}


class CallError(Exception):
    """Why a call cannot be answered; raised by a servicer, sent as a rich status."""

    def __init__(self, code: grpc.StatusCode, message: str, *details: Message) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details
        self._status: status_pb2.Status | None = None

    def status(self) -> status_pb2.Status:
        """Return the error as a `google.rpc.Status`, the same at every call."""
        if self._status is None:
            number: int = self.code.value[0]
            self._status = status_pb2.Status(code=number, message=self.message)
            for detail in self.details:
                packed = AnyMessage()
                packed.Pack(detail)
                self._status.details.append(packed)
        return self._status

    def again(self) -> Self:
        """Return the same error, of the same type, to be raised in its place.

        One that is raised several times would collect the frames of each.
        """
        self.status()  # made once, whoever sends it
        same = type(self).__new__(type(self), self.message)
        same.__dict__.update(self.__dict__)
        return same

    def __str__(self) -> str:
        return f"{self.code.name}: {self.message}"


def invalid(field: str, problem: str, *, reason: str = "") -> CallError:
    """INVALID_ARGUMENT: `field` of the request is wrong, and what would be right.

    A `reason` lets programs tell such errors apart.
    """
    violation = error_details_pb2.BadRequest.FieldViolation(field=field, description=problem)
    return CallError(
        grpc.StatusCode.INVALID_ARGUMENT,
        f"{field} {problem}",
        error_details_pb2.BadRequest(field_violations=[violation]),
        *([_info(reason)] if reason else []),
    )


class NotFoundError(CallError):
    """NOT_FOUND: what the request names does not exist."""

    def __init__(self, message: str) -> None:
        super().__init__(grpc.StatusCode.NOT_FOUND, message, _info("NOT_FOUND"))


def not_found(message: str) -> CallError:
    """NOT_FOUND: what the request names does not exist."""
    return NotFoundError(message)


def precondition(reason: str, message: str) -> CallError:
    """FAILED_PRECONDITION: the system must be changed before this can succeed."""
    return CallError(grpc.StatusCode.FAILED_PRECONDITION, message, _info(reason))


def unavailable(part: str, message: str) -> CallError:
    """UNAVAILABLE: `part` is away; the same call may succeed later."""
    return CallError(
        grpc.StatusCode.UNAVAILABLE, f"{part} is away: {message}", _info("UNAVAILABLE", part=part)
    )


def exhausted(what: str, retry_seconds: float) -> CallError:
    """RESOURCE_EXHAUSTED: `what` is full; come back after `retry_seconds`."""
    delay = Duration()
    delay.FromNanoseconds(round(retry_seconds * 1e9))
    return CallError(
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        f"{what}; try again in {retry_seconds:.3g} s",
        error_details_pb2.RetryInfo(retry_delay=delay),
    )


def deadline_exceeded(where: str) -> CallError:
    """DEADLINE_EXCEEDED: the caller's time was over, and the work was dropped."""
    return CallError(
        grpc.StatusCode.DEADLINE_EXCEEDED,
        f"the deadline passed while {where}; the work was dropped",
    )


def from_rpc_error(error: grpc.aio.AioRpcError, part: str) -> CallError:
    """Translate a failed call to `part` into the error of the call that needed it.

    Codes that tell the caller something pass with their details. A token that `part`
    refuses, or a method that it lacks, is FAILED_PRECONDITION: trying again is no use until
    somebody changes a setting. The others mean that the part is not to be had.
    """
    code = error.code()
    message = error.details() or code.name
    match code:
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return deadline_exceeded(f"waiting for {part}")
        case (
            grpc.StatusCode.INVALID_ARGUMENT
            | grpc.StatusCode.RESOURCE_EXHAUSTED
            | grpc.StatusCode.FAILED_PRECONDITION
        ):
            return CallError(code, message, *_details(error))
        case grpc.StatusCode.UNAUTHENTICATED | grpc.StatusCode.PERMISSION_DENIED:
            # Not the caller's token: the one that this part was given for `part`.
            return precondition("DENIED", f"{part} refuses this service's token: {message}")
        case grpc.StatusCode.UNIMPLEMENTED:
            return precondition("UNIMPLEMENTED", f"{part} does not serve this call: {message}")
        case _:
            return unavailable(part, plain(message))


def reason_of(error: grpc.aio.AioRpcError) -> str:
    """Return the stable reason that a failed call's ErrorInfo gives, "" without one."""
    for detail in _details(error):
        if isinstance(detail, error_details_pb2.ErrorInfo):
            return str(detail.reason)
    return ""


def from_status(status: status_pb2.Status) -> CallError:
    """Turn a `google.rpc.Status` that came inside an answer back into an error."""
    code = _CODES.get(status.code, grpc.StatusCode.UNKNOWN)
    return CallError(code, status.message or code_pb2.Code.Name(status.code), *_unpacked(status))


def _info(reason: str, **metadata: str) -> error_details_pb2.ErrorInfo:
    return error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN, metadata=metadata)


def _details(error: grpc.aio.AioRpcError) -> list[Message]:
    call: Any = error  # it has a call's code, details and trailing metadata
    status = rpc_status.from_call(call)
    return _unpacked(status) if status is not None else []


def _unpacked(status: status_pb2.Status) -> list[Message]:
    found: list[Message] = []
    for packed in status.details:
        for kind in (
            error_details_pb2.BadRequest,
            error_details_pb2.RetryInfo,
            error_details_pb2.ErrorInfo,
        ):
            if packed.Is(kind.DESCRIPTOR):
                detail = kind()
                packed.Unpack(detail)
                found.append(detail)
    return found
