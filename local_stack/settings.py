"""Settings of the commands that start a whole stack."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from sketchzoo.running import DATA
from sketchzoo.settings import Port, Settings


class UpSettings(Settings):
    """What `sketchzoo up` lets its user choose (`SKETCHZOO_UP_*`)."""

    model_config = SettingsConfigDict(env_prefix="SKETCHZOO_UP_")

    data: Path = Field(
        DATA,
        description="Folder of what is kept: Qdrant's storage, photos that were added, samples "
        "and logs.",
    )
    model: str = Field("zoo-1", description="A shipped model's name, or a model's folder.")
    encoder_port: Port = Field(50051, description="The encoder's port; a free one if taken.")
    search_port: Port = Field(50052, description="The search service's; a free one if taken.")
    gallery_port: Port = Field(50053, description="The gallery service's; a free one if taken.")
    qdrant_port: Port = Field(6334, description="Embedded Qdrant's; a free one if taken.")
    live_port: Port = Field(8080, description="The live page's; a free one if taken.")

    def moved(self, ports: Mapping[str, int]) -> list[str]:
        """Return a line for each part that listens elsewhere than it should, its port taken."""
        wanted = {
            "encoder": self.encoder_port,
            "search": self.search_port,
            "gallery": self.gallery_port,
            "qdrant": self.qdrant_port,
            "live": self.live_port,
        }
        return [
            f"{name}: port {wanted[name]} is taken, so it listens on {port}"
            for name, port in ports.items()
            if wanted[name] not in (0, port)
        ]
