"""Settings: what the gallery service lets its operator choose."""

import ipaddress
import os
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from sketchzoo.call_settings import QdrantSettings
from sketchzoo.settings import (
    Count,
    GalleryAccessSettings,
    Port,
    Seconds,
    ServerSettings,
    Settings,
)
from sketchzoo.storage import SCHEMES
from sketchzoo_ingest.gallery_service.shelf import is_local
from sketchzoo_ingest.settings import PipelineSettings

_MIB = 1024 * 1024


class StoreSettings(Settings):
    """Where photos that are sent as bytes are kept, and which others may be read."""

    subject = "Photos"

    store: str | None = Field(
        None,
        description="Where photos sent as bytes are kept: a folder, or a bucket as "
        "s3://bucket/folder; unset takes photos by uri alone.",
    )
    spool: Path | None = Field(
        None,
        description="Folder of this machine for pieces on their way into a bucket; needed with "
        "one. A folder's own are on their way inside of it.",
    )
    roots: Annotated[tuple[Path, ...], NoDecode] = Field(
        (),
        description="Folders from which photos are taken by a file:// uri (in the environment "
        "separated as in PATH); without any none is.",
    )

    schemes: Annotated[frozenset[str], NoDecode] = Field(
        SCHEMES - {"file"},
        description="Schemes of other uris that photos are read from (in the environment with "
        "commas between); buckets by this process's credentials.",
    )

    @field_validator("schemes", mode="before")
    @classmethod
    def _split_schemes(cls, value: Any) -> Any:
        if isinstance(value, str):
            return frozenset(part.strip().lower() for part in value.split(",") if part.strip())
        return value

    @field_validator("roots", mode="before")
    @classmethod
    def _split_roots(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part for part in value.split(os.pathsep) if part)
        return value

    @model_validator(mode="after")
    def _check_store(self) -> Self:
        if self.store is not None and not is_local(self.store) and self.spool is None:
            raise ValueError("store is a bucket, which needs spool: a folder of this machine")
        return self


class PendingSettings(Settings):
    """How many photos may be under way."""

    subject = "Photos under way"

    max_pending_photos: Count = Field(
        256, description="Photos taken and not answered yet; more are refused with RetryInfo."
    )
    max_pending_bytes: Count = Field(
        1024 * _MIB,
        description="What these may have in bytes; they lie on disk, in the store or in spool.",
    )
    pending_share: Annotated[float, Field(gt=0, le=1)] = Field(
        0.5, description="Part of both that one caller's address may have; exempt ones have all."
    )
    stream_photos: Count = Field(
        32,
        description="Photos of one stream under way; the stream is not read on before one is "
        "answered.",
    )
    max_galleries: Count = Field(
        16, description="Galleries written to at once; the one idle longest is closed for another."
    )
    check_seconds: Seconds = Field(
        1.0, description="How often the encoder's model and the galleries' aliases are looked at."
    )


class GallerySettings(
    StoreSettings,
    PendingSettings,
    PipelineSettings,
    QdrantSettings,
    GalleryAccessSettings,
    ServerSettings,
):
    """The gallery service's settings, `SKETCHZOO_GALLERY_*` in the environment."""

    model_config = SettingsConfigDict(env_prefix="SKETCHZOO_GALLERY_")

    port: Port = Field(50053, description="Port to listen on; 0 takes a free one and logs it.")
    metrics_port: Port | None = Field(
        9105, description="Port of the /metrics page; 0 takes a free one."
    )
    max_message_bytes: Count = Field(
        2 * _MIB, description="Largest message taken or sent, in bytes; a piece is one of 1 MiB."
    )
    max_held_bytes: Count = Field(
        64 * _MIB,
        description="What the messages of calls under way may hold, in bytes; more are refused.",
    )

    @model_validator(mode="after")
    def _check_access(self) -> Self:
        secret = self.token or self.tokens or self.tokens_file or self.tls_client_ca
        if not secret and not _is_loopback(self.host):
            raise ValueError(
                f"host {self.host} lets others in, and who is let in changes photos: give token, "
                "tokens, tokens_file or tls_client_ca"
            )
        return self


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
