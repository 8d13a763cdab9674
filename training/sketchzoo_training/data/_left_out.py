"""What takes no part: files and whole classes, each with the reason why."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from rich.markup import escape
from rich.table import Table

from sketchzoo.images import Modality
from sketchzoo_training.data._image_file import ImageFile

FIRST = 5
"""How many files of a reason are named."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Files that take no part, each with a reason in a few words such as `not_an_image`."""

    files: tuple[tuple[ImageFile, str], ...] = field(default=(), repr=False)

    @classmethod
    def because(cls, reason: str, files: Iterable[ImageFile]) -> Self:
        """Return files that are left out for one reason."""
        return cls(tuple((file, reason) for file in files))

    def __add__(self, other: Self) -> Self:
        """Return what either leaves out."""
        return type(self)(self.files + other.files)

    def __len__(self) -> int:
        """Count the files."""
        return len(self.files)

    def without(self, files: Iterable[ImageFile]) -> tuple[ImageFile, ...]:
        """Return those of some files that are not left out."""
        out = {file for file, _ in self.files}
        return tuple(file for file in files if file not in out)

    def report(self) -> dict[str, Any]:
        """Return for photos and sketches each reason's count, classes and first files, for JSON."""
        return {
            name: {reason: _told(files) for reason, files in self._by_reason(modality).items()}
            for modality, name in ((Modality.PHOTO, "photos"), (Modality.SKETCH, "sketches"))
        }

    def table(self) -> Table:
        """Return a row a reason, for a console: how many, of which classes, the first files."""
        table = Table("left out", "why", "files", "classes", "first", title="left out")
        for what, reasons in self.report().items():
            for reason, told in reasons.items():
                classes = ", ".join(f"{name} {n}" for name, n in list(told["classes"].items())[:8])
                more = len(told["classes"]) - 8
                table.add_row(
                    what,
                    reason.replace("_", " "),
                    str(told["count"]),
                    escape(classes) + (f" and {more} more" if more > 0 else ""),
                    escape(" ".join("/".join(Path(one).parts[-2:]) for one in told["first"])),
                )
        return table

    def _by_reason(self, modality: Modality) -> dict[str, list[ImageFile]]:
        found: dict[str, list[ImageFile]] = {}
        for file, reason in self.files:
            if file.modality is modality:
                found.setdefault(reason, []).append(file)
        return dict(sorted(found.items()))


def _told(files: list[ImageFile]) -> dict[str, Any]:
    return {
        "count": len(files),
        "classes": dict(sorted(Counter(file.class_name for file in files).items())),
        "first": [file.place for file in files[:FIRST]],
    }
