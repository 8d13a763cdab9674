"""The limits that every part has of image files: one family, one set of names.

docs/images.md says what they mean for whom. Light to import: settings state them.
"""

from dataclasses import dataclass

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """How large an image may be, and what decoding it may take.

    `max_bytes` of its file and `max_pixels` of its picture are read before anything is
    unpacked. `max_memory_bytes` is what all decodes of this process, or of the group that it
    answers with, may hold together, beside the files themselves: a large image waits for
    others, and one that would need more alone is refused. `max_seconds` are one core's,
    waiting not counted.
    """

    max_bytes: int = 128 * _MIB
    max_pixels: int = 200_000_000
    max_memory_bytes: int = 256 * _MIB
    max_seconds: float = 10.0

    def __post_init__(self) -> None:
        for name in ("max_bytes", "max_pixels", "max_memory_bytes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not self.max_seconds > 0:
            raise ValueError(f"max_seconds must be above 0, not {self.max_seconds}")
