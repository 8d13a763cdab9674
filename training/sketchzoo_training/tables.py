"""Tables of a configuration: frozen values that refuse what they do not know."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Part = Annotated[float, Field(ge=0, lt=1)]
Rate = Annotated[float, Field(gt=0, le=1e30)]  # more is no float32


class Table(BaseModel):
    """Values that refuse what they do not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
