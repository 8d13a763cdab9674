"""Durations: protobuf's, as the seconds that everything here counts in."""

from google.protobuf.duration_pb2 import Duration


def duration(seconds: float) -> Duration:
    """Return seconds as a message, to the nanosecond."""
    message = Duration()
    set_duration(message, seconds)
    return message


def set_duration(message: Duration, seconds: float) -> None:
    """Let a message hold seconds, to the nanosecond."""
    message.FromNanoseconds(round(seconds * 1e9))


def seconds(message: Duration) -> float:
    """Return a message's seconds."""
    return message.ToNanoseconds() / 1e9
