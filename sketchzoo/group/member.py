"""A member: a process's place in its group."""

from dataclasses import dataclass

from sketchzoo.counts import Counts


@dataclass(frozen=True, slots=True)
class Member:
    """The process `index` of `size` that answer on one port.

    `ledger` is its row of what they count together; without one it counts for itself.
    """

    index: int
    size: int
    ledger: Counts | None = None

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size must be at least 1, not {self.size}")
        if not 0 <= self.index < self.size:
            raise ValueError(f"index must be 0 to {self.size - 1}, not {self.index}")

    @property
    def is_alone(self) -> bool:
        """Whether the process shares its port with no other."""
        return self.size == 1

    def share(self, amount: int) -> int:
        """Return each process's part of what the group may have: rounded up, 0 stays 0."""
        return -(-amount // self.size)


ALONE = Member(0, 1)
"""A process that is no group's."""
