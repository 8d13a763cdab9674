"""Errors of calls: a status code, a message and the details a program can read.

Details follow google/rpc/error_details.proto (AIP-193): BadRequest names the field,
RetryInfo says when to come back, ErrorInfo gives a stable reason.
"""

from typing import Any, Self

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from sketchzoo.rpc.durations import duration, seconds
from sketchzoo.rpc.reasons import plain

DOMAIN = "sketchzoo"
CODES: dict[int | None, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}
_DETAILS = (error_details_pb2.BadRequest, error_details_pb2.RetryInfo, error_details_pb2.ErrorInfo)
# Reasons that have a type of their own.
IDLE = "IDLE"
_TOO_LARGE = "MESSAGE_TOO_LARGE"


class CallError(Exception):
    """Why a call cannot be answered; raised by a servicer, sent as a rich status."""

    def __init__(self, code: grpc.StatusCode, message: str, *details: Message) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details
        self._status: status_pb2.Status | None = None

    @property
    def field(self) -> str:
        """The path of the request's field that is wrong; "" where none is named."""
        return str(self._violation().field)

    @property
    def problem(self) -> str:
        """What is wrong with that field; "" where none is named."""
        return str(self._violation().description)

    @property
    def reason(self) -> str:
        """The stable reason, for programs; "" where none is given."""
        return str(self._detail(error_details_pb2.ErrorInfo).reason)

    @property
    def part(self) -> str:
        """The part that is away; "" where none is named."""
        return str(self._detail(error_details_pb2.ErrorInfo).metadata.get("part", ""))

    @property
    def retry_after(self) -> float | None:
        """In how many seconds to come back; None where nothing says so."""
        retry = self._detail(error_details_pb2.RetryInfo)
        return seconds(retry.retry_delay) if retry.HasField("retry_delay") else None

    def status(self) -> status_pb2.Status:
        """Return the error as a `google.rpc.Status`, the same at every call."""
        if self._status is None:
            number: int = self.code.value[0]
            self._status = status_pb2.Status(code=number, message=self.message)
            for detail in self.details:
                self._status.details.add().Pack(detail)
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

    def _detail(self, kind: Any) -> Any:
        """Return the detail of a kind, an empty one where there is none."""
        return next((detail for detail in self.details if isinstance(detail, kind)), kind())

    def _violation(self) -> Any:
        violations = self._detail(error_details_pb2.BadRequest).field_violations
        return violations[0] if violations else error_details_pb2.BadRequest.FieldViolation()


class MessageTooLargeError(CallError):
    """RESOURCE_EXHAUSTED: a message is over a limit of size; sending it again is no use."""


class StreamEndedError(CallError):
    """UNAVAILABLE: a stream ended in good order, being idle or on a connection that came of age."""


class PartFailedError(CallError):
    """UNAVAILABLE to the caller: a part answered that it failed, and would most likely again."""


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


def unimplemented(reason: str, problem: str, *, field: str = "") -> CallError:
    """UNIMPLEMENTED: what the request, or a `field` of it, asks for is not to be had here."""
    if not field:
        return CallError(grpc.StatusCode.UNIMPLEMENTED, problem, _info(reason))
    violation = error_details_pb2.BadRequest.FieldViolation(field=field, description=problem)
    wrong = error_details_pb2.BadRequest(field_violations=[violation])
    return CallError(grpc.StatusCode.UNIMPLEMENTED, f"{field} {problem}", wrong, _info(reason))


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


def internal(message: str) -> CallError:
    """Answer INTERNAL: the server's fault, whatever was sent; its log and metrics say more."""
    return CallError(grpc.StatusCode.INTERNAL, message)


def unavailable(part: str, message: str) -> CallError:
    """UNAVAILABLE: `part` is away; the same call may succeed later."""
    return CallError(
        grpc.StatusCode.UNAVAILABLE, f"{part} is away: {message}", _info("UNAVAILABLE", part=part)
    )


def part_failed(part: str, message: str) -> PartFailedError:
    """UNAVAILABLE: `part` answered that it failed, or what is no answer."""
    away = unavailable(part, message)
    return PartFailedError(away.code, away.message, *away.details)


def exhausted(what: str, retry_seconds: float) -> CallError:
    """RESOURCE_EXHAUSTED: `what` is full; come back after `retry_seconds`."""
    return CallError(
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        f"{what}; try again in {retry_seconds:.3g} s",
        error_details_pb2.RetryInfo(retry_delay=duration(retry_seconds)),
    )


def deadline_exceeded(where: str) -> CallError:
    """DEADLINE_EXCEEDED: the caller's time was over, and the work was dropped."""
    return CallError(
        grpc.StatusCode.DEADLINE_EXCEEDED,
        f"the deadline passed while {where}; the work was dropped",
    )


def from_call(error: Any) -> CallError:
    """Read a failed call, sync or asyncio (`grpc.RpcError`), as it was told.

    What no server of ours said is put in plain words, and given a type, here.
    """
    try:
        status = rpc_status.from_call(error)
    except ValueError:
        # The status inside of the trailer tells otherwise than the call: trust the call.
        status = None
    code, message = error.code(), error.details() or error.code().name
    if status is not None:
        return _told(code, message, _unpacked(status))
    match code:
        case grpc.StatusCode.RESOURCE_EXHAUSTED if "larger than max" in message:
            return MessageTooLargeError(code, message, _info(_TOO_LARGE))
        case grpc.StatusCode.UNAVAILABLE if message == "max connection age":
            return StreamEndedError(code, message)
        case grpc.StatusCode.UNAVAILABLE:
            return CallError(code, plain(message))
        case grpc.StatusCode.INTERNAL if message == "Internal error from Core":
            # All that asyncio's calls say of one that ended while it was written to.
            return CallError(grpc.StatusCode.UNAVAILABLE, "it ended while it was written to")
        case _:
            return CallError(code, message)


def from_rpc_error(error: grpc.RpcError, part: str) -> CallError:
    """Translate a failed call to `part` into the error of the call that needed it.

    Codes that tell the caller something pass with their details. A token that `part`
    refuses, or a method that it lacks, is FAILED_PRECONDITION: trying again is no use until
    somebody changes a setting. The others mean that the part is not to be had.
    """
    told = from_call(error)
    message = told.message
    match told.code:
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return deadline_exceeded(f"waiting for {part}")
        case (
            grpc.StatusCode.INVALID_ARGUMENT
            | grpc.StatusCode.RESOURCE_EXHAUSTED
            | grpc.StatusCode.FAILED_PRECONDITION
        ):
            return told
        case grpc.StatusCode.UNAUTHENTICATED | grpc.StatusCode.PERMISSION_DENIED:
            # Not the caller's token: the one that this part was given for `part`.
            return precondition("DENIED", f"{part} refuses this service's token: {message}")
        case grpc.StatusCode.UNIMPLEMENTED:
            return precondition("UNIMPLEMENTED", f"{part} does not serve this call: {message}")
        case grpc.StatusCode.INTERNAL:
            return part_failed(part, plain(message))
        case _:
            away = unavailable(part, plain(message))
            kind = StreamEndedError if isinstance(told, StreamEndedError) else CallError
            return kind(away.code, away.message, *away.details)


def from_status(status: status_pb2.Status) -> CallError:
    """Turn a `google.rpc.Status` that came inside an answer back into an error."""
    code = CODES.get(status.code, grpc.StatusCode.UNKNOWN)
    return _told(code, status.message or code.name, _unpacked(status))


def _told(code: grpc.StatusCode, message: str, details: list[Message]) -> CallError:
    told = CallError(code, message, *details)
    kind = {_TOO_LARGE: MessageTooLargeError, IDLE: StreamEndedError}.get(told.reason)
    return told if kind is None else kind(code, message, *details)


def _info(reason: str, **metadata: str) -> error_details_pb2.ErrorInfo:
    return error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN, metadata=metadata)


def _unpacked(status: status_pb2.Status) -> list[Message]:
    each = ((packed, kind()) for packed in status.details for kind in _DETAILS)
    return [detail for packed, detail in each if packed.Unpack(detail)]
