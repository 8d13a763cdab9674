"""A budget of bytes: how much of the photos may be in memory at once."""

import asyncio


class ByteBudget:
    """Counts the bytes held; whoever would go over the limit waits.

    For one acquirer, which keeps photos in their order; anybody may release. What is
    larger than the whole budget passes when nothing else is held.
    """

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError(f"limit must be at least 1 byte, not {limit}")
        self._limit = limit
        self._released = asyncio.Event()
        self.held = 0

    async def acquire(self, size: int) -> None:
        """Return when `size` bytes more may be held; they then are."""
        while self.held and self.held + size > self._limit:
            self._released.clear()
            await self._released.wait()
        self.held += size

    def correct(self, reserved: int, held: int) -> None:
        """Hold what was read instead of what was reserved for it.

        A file that grew since it was listed may take more than its reservation: that
        much over the limit is let pass.
        """
        self.release(reserved)
        self.held += held

    def release(self, size: int) -> None:
        """Give bytes back."""
        if not 0 <= size <= self.held:
            raise ValueError(f"{size} bytes released; {self.held} are held")
        self.held -= size
        self._released.set()
