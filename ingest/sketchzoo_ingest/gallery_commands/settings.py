"""Settings of the commands that act on whole galleries in Qdrant."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from sketchzoo.call_settings import QdrantSettings
from sketchzoo.settings import LogSettings, Settings
from sketchzoo.token import Token
from sketchzoo_ingest.collection_settings import ChangeSettings


class GalleriesSettings(QdrantSettings, LogSettings):
    """Which Qdrant's galleries `gallery list`, `publish`, `rollback` and `drop` act on."""

    model_config = SettingsConfigDict(env_prefix="SKETCHZOO_GALLERY_")


class SettingsSettings(ChangeSettings, QdrantSettings, LogSettings):
    """What `gallery settings` changes, and of which gallery."""

    model_config = SettingsConfigDict(env_prefix="SKETCHZOO_GALLERY_SETTINGS_")


class ExportSettings(QdrantSettings, LogSettings):
    """Which gallery `gallery export` writes as a table."""

    model_config = SettingsConfigDict(env_prefix="SKETCHZOO_GALLERY_EXPORT_")

    retry_seconds: Annotated[float, Field(ge=0)] = Field(
        60.0, description="How long a failing call is made again before it is given up."
    )


class TargetSettings(Settings):
    """The Qdrant that a gallery is copied to."""

    subject = "Copy"

    to: Annotated[str, Field(min_length=1)] | None = Field(
        None,
        description="gRPC address of the Qdrant to copy to, for instance http://qdrant:6334; "
        "TLS is that of the Qdrant copied from. Unset copies within that one.",
    )
    to_api_key: Token | None = Field(None, description="That Qdrant's API key.")
    to_timeout_seconds: Annotated[float, Field(gt=0)] = Field(
        30.0, description="Deadline of a call to that Qdrant."
    )
    retry_seconds: Annotated[float, Field(ge=0)] = Field(
        60.0, description="How long a failing call is made again before the copy is given up."
    )
    shards: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="Shards of the copy's collection, where it is made; unset leaves it to Qdrant.",
    )
    delete_others: bool = Field(
        default=False,
        description="Delete photos that the copy's collection has and the gallery has not.",
    )


class CopySettings(TargetSettings, QdrantSettings, LogSettings):
    """`gallery copy`'s settings."""

    model_config = SettingsConfigDict(env_prefix="SKETCHZOO_GALLERY_COPY_")

    @property
    def target_url(self) -> str:
        """The address of the Qdrant copied to."""
        return self.to or self.qdrant_url

    def target(self, name: str) -> QdrantSettings:
        """Return the settings of the Qdrant copied to, where the copy is called `name`."""
        secure = self.target_url.lower().startswith("https:")
        key = self.qdrant_api_key if self.to is None else None
        return QdrantSettings(
            qdrant_url=self.target_url,
            qdrant_api_key=self.to_api_key or key,
            qdrant_ca=self.qdrant_ca if secure else None,
            qdrant_client_certificate=self.qdrant_client_certificate if secure else None,
            qdrant_client_key=self.qdrant_client_key if secure else None,
            qdrant_timeout_seconds=self.to_timeout_seconds,
            qdrant_attempt_seconds=self.qdrant_attempt_seconds,
            gallery=name,
        )
