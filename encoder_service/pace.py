"""Pace: how long the encoder takes for an image, of late."""

_WEIGHT = 0.1
_LEAST = 0.005
_MOST = 10.0


class Pace:
    """A moving average of seconds an image, all workers together.

    Threads update it without a lock: a lost update loses one observation of many.
    """

    def __init__(self, seconds: float = 0.02) -> None:
        """Start from a guess, until the first images tell better."""
        self.seconds = seconds

    def observe(self, seconds: float) -> None:
        """Take the seconds that one more image took."""
        self.seconds += _WEIGHT * (seconds - self.seconds)

    def wait(self, images: int) -> float:
        """Estimate the seconds until `images` waiting ones are through; 5 ms to 10 s."""
        return min(_MOST, max(_LEAST, images * self.seconds))
