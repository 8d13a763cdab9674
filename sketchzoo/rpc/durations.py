"""Durations: protobuf's, as the seconds that everything here counts in."""

from google.protobuf.duration_pb2 import Duration


def duration(seconds: float) -> Duration:
    """Return seconds as a message, to the nanosecond."""
    message = Duration()
    message.FromNanoseconds(round(seconds * 1e9))
    return message


def seconds(message: Duration) -> float:
    """Return a message's seconds."""
    return message.ToNanoseconds() / 1e9
