"""A file that has arrived in part, and what tells whether the rest still belongs to it."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sample_gallery.fetch._manifest import Row
from sample_gallery.fetch._report import Outcome, PhotoError


@dataclass(slots=True)
class Budget:
    """Bytes that the run may still take from the network."""

    left: int
    taken: int = 0

    def take(self, count: int) -> None:
        """Count bytes that arrived; raises `PhotoError` once there were too many."""
        self.taken += count
        self.left -= count
        if self.left < 0:
            raise PhotoError(Outcome.OVER_BUDGET, "the run took max_total_bytes; run it again")


@dataclass(frozen=True, slots=True)
class PartialDownload:
    """A fetch's sink: a row's bytes in a file, and beside it the validator of what they are of."""

    path: Path
    row: Row
    budget: Budget
    max_bytes: int

    @property
    def expected(self) -> int | None:
        """How many bytes the manifest says there are."""
        return self.row.size

    @property
    def size(self) -> int:
        """Return how many bytes are there."""
        return self.path.stat().st_size if self.path.exists() else 0

    def held(self) -> tuple[int, str]:
        """Return how many bytes are there to go on from, and by what the server knows them."""
        validator = self._validator()
        # Without a validator only a hash can tell that both halves are of one file.
        return (self.size if validator or self.row.sha256 else 0), validator

    @contextmanager
    def writing(self, begin: int, validator: str) -> Iterator[Callable[[bytes], object]]:
        """Give what appends to the file and counts it; raises `PhotoError` where it must end."""
        if begin == 0:
            self._beside.write_text(json.dumps({"validator": validator}))
        count = begin
        # Unbuffered and in the pieces that arrive, so that a kill loses none of them.
        with self.path.open("ab" if begin else "wb", buffering=0) as file:

            def write(piece: bytes) -> None:
                nonlocal count
                count += len(piece)
                if self.row.size is not None and count > self.row.size:
                    self.discard()
                    raise PhotoError(
                        Outcome.WRONG_HASH, f"is longer than the manifest's {self.row.size} bytes"
                    )
                self.budget.take(len(piece))
                file.write(piece)

            yield write

    def discard(self) -> None:
        """Remove what arrived, so that the next attempt begins anew."""
        self.path.unlink(missing_ok=True)
        self._beside.unlink(missing_ok=True)

    def digest(self) -> str:
        """Return the SHA-256 of what is there, in hexadecimal."""
        return digest(self.path)

    def _validator(self) -> str:
        try:
            return str(json.loads(self._beside.read_text())["validator"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    @property
    def _beside(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")


def digest(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
