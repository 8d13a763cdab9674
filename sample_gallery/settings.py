"""Settings of `sketchzoo sample` (`SKETCHZOO_SAMPLE_*`)."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from sample_gallery.limits import Limits
from sketchzoo.fetch import FetchLimits
from sketchzoo.settings import Count, Seconds, Settings

_DEFAULTS = Limits()


class FetchSettings(Settings):
    """What `sketchzoo sample fetch` lets its user choose."""

    model_config = SettingsConfigDict(env_prefix="SKETCHZOO_SAMPLE_FETCH_")

    max_files: Count = Field(_DEFAULTS.max_files, description="Rows that a manifest may have.")
    max_file_bytes: Count = Field(
        _DEFAULTS.max_file_bytes, description="Largest file that is taken, in bytes."
    )
    max_total_bytes: Count = Field(
        _DEFAULTS.max_total_bytes, description="Bytes that one run may take from the network."
    )
    at_once: Annotated[int, Field(ge=1, le=32)] = Field(
        _DEFAULTS.fetch.at_once, description="Files fetched at the same time."
    )
    attempts: Annotated[int, Field(ge=1, le=20)] = Field(
        _DEFAULTS.fetch.attempts, description="How often a file is tried in all."
    )
    connect_seconds: Seconds = Field(
        _DEFAULTS.fetch.connect_seconds, description="Longest time to reach a server."
    )
    read_seconds: Seconds = Field(
        _DEFAULTS.fetch.read_seconds, description="Longest silence of a server that is sending."
    )
    file_seconds: Seconds = Field(
        _DEFAULTS.fetch.seconds,
        description="Longest time for one file in all, pauses and attempts included.",
    )
    max_wait_seconds: Seconds = Field(
        _DEFAULTS.fetch.max_wait_seconds,
        description="Longest pause before another attempt; a server that asks for more is left.",
    )
    allow_private_addresses: bool = Field(
        default=False,
        description="Fetch from this machine's and its network's own addresses, too.",
    )
    max_side: Annotated[int, Field(ge=64, le=4096)] = Field(
        _DEFAULTS.max_side, description="Photos with a longer side, in pixels, are made smaller."
    )

    def limits(self) -> Limits:
        """Return the bounds of a run."""
        return Limits(
            max_files=self.max_files,
            max_file_bytes=self.max_file_bytes,
            max_total_bytes=self.max_total_bytes,
            fetch=FetchLimits(
                seconds=self.file_seconds,
                attempts=self.attempts,
                at_once=self.at_once,
                connect_seconds=self.connect_seconds,
                read_seconds=self.read_seconds,
                max_wait_seconds=self.max_wait_seconds,
                allow_private_addresses=self.allow_private_addresses,
            ),
            max_side=self.max_side,
        )


class DrawSettings(Settings):
    """What `sketchzoo sample draw` lets its user choose."""

    model_config = SettingsConfigDict(env_prefix="SKETCHZOO_SAMPLE_")

    pictures: Annotated[int, Field(ge=0, le=10_000)] = Field(
        40, description="Pictures of each class."
    )
    sketches: Annotated[int, Field(ge=0, le=10_000)] = Field(
        10, description="Sketches of each class."
    )
    seed: Annotated[int, Field(ge=0)] = Field(0, description="Another seed draws other pictures.")
    classes: str = Field("", description="Classes to draw, commas between; all if empty.")
    workers: Annotated[int, Field(ge=0, le=64)] = Field(
        0, description="Processes that draw; 0 takes one a core, four at most."
    )
    replace: bool = Field(
        default=False, description="Replace another drawn sample that is in the directory."
    )
