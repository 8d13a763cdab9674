"""Settings of the gallery's commands (`SKETCHZOO_GALLERY_*`)."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from sketchzoo.settings import Settings


class DrawSettings(Settings):
    """What `sketchzoo gallery draw` lets its user choose."""

    model_config = SettingsConfigDict(env_prefix="SKETCHZOO_GALLERY_")

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
        default=False, description="Replace another drawn gallery that is in the directory."
    )
