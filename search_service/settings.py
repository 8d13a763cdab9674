"""Settings: what the search service lets its operator choose."""

import os
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from sketchzoo.call_settings import EncoderCallSettings, QdrantSettings
from sketchzoo.image_settings import ImageSettings
from sketchzoo.settings import (
    Count,
    GalleryAccessSettings,
    Port,
    Processes,
    Seconds,
    ServerSettings,
    Settings,
)

_MIB = 1024 * 1024


class SearchLimitSettings(Settings):
    """How many searches are under way, how long and how deep."""

    subject = "Limits of searches"

    max_concurrent_searches: Count = Field(
        64,
        description="Searches under way at once, those of live streams included; more are "
        "refused with RESOURCE_EXHAUSTED.",
    )
    max_wait_seconds: Seconds = Field(
        0.04,
        description="How long a search may take where others are under way: as many are let in "
        "as can be answered in that time at the pace of late, 5 at least.",
    )
    burst_seconds: Annotated[float, Field(ge=0)] = Field(
        0.25,
        description="For so long after the last moment without a search three times as many are "
        "let in, until one is refused; 0 knows no bursts.",
    )
    max_concurrent_batches: Count = Field(
        4, description="BatchSearch calls under way at once; more are refused."
    )
    max_concurrent_photos: Count = Field(
        128,
        description="Calls under way at once that ask for photos or for what a gallery holds; "
        "more are refused.",
    )
    max_concurrent_downloads: Annotated[int, Field(ge=1, le=256)] = Field(
        16,
        description="DownloadPhoto calls under way at once, each with one piece in memory; more "
        "are refused.",
    )
    download_seconds: Seconds = Field(
        600.0, description="How long a download may take in all, whatever its caller's deadline."
    )
    max_live_streams: Count = Field(
        64, description="LiveSearch streams at work at once; further drawings are refused."
    )
    retry_after_seconds: Seconds = Field(
        0.2, description="When refused callers are told to come back."
    )
    live_deadline_seconds: Seconds = Field(
        5.0, description="Deadline of one search of a live stream."
    )
    query_reserve_seconds: Seconds = Field(
        0.5,
        description="What is kept of a call's time for Qdrant while the encoder works, "
        "but at most a quarter.",
    )
    max_depth: Annotated[int, Field(ge=1000, le=1_000_000)] = Field(
        10_000, description="How many hits of one search can be paged through."
    )
    hnsw_ef: Annotated[int, Field(ge=1, le=10_000)] = Field(
        256,
        description="How many candidates Qdrant's index is searched for: more find more of the "
        "nearest in a large gallery, fewer take less time.",
    )
    indexed_only: bool = Field(
        default=False,
        description="Search only what Qdrant has an index of: while one is built, new photos are "
        "not found, and searches take no longer for them.",
    )
    rescore: bool | None = Field(
        None,
        description="Rank what quantized embeddings find by the full ones; unset leaves it to "
        "Qdrant, which does.",
    )
    oversampling: Annotated[float, Field(ge=1, le=64)] | None = Field(
        None,
        description="How many times as many photos quantized embeddings find for that; unset "
        "leaves it to Qdrant.",
    )

    @model_validator(mode="after")
    def _check_rescoring(self) -> Self:
        if self.oversampling is not None and self.rescore is False:
            raise ValueError("oversampling finds more to rescore: it needs rescore")
        return self


class CacheSettings(Settings):
    """What is kept, and how photos are shown."""

    subject = "Caches and thumbnails"

    embedding_cache_entries: Annotated[int, Field(ge=0)] = Field(
        2048, description="Embeddings kept of repeated images; 0 keeps none."
    )
    embedding_cache_bytes: Count = Field(
        8 * _MIB, description="Most bytes that the kept embeddings may take."
    )
    thumbnail_cache_bytes: Annotated[int, Field(ge=0)] = Field(
        16 * _MIB, description="Most bytes that kept thumbnails may take; 0 keeps none."
    )
    thumbnail_threads: Annotated[int, Field(ge=1, le=64)] = Field(
        2, description="Threads that read photos of this machine and make thumbnails."
    )
    thumbnail_folder: Path | None = Field(
        None,
        description="Folder to keep thumbnails in over restarts; processes may share it. Unset "
        "keeps them in memory alone.",
    )
    thumbnail_folder_bytes: Count = Field(
        1024 * _MIB, description="Most bytes that thumbnails in that folder may take."
    )
    photo_bytes: Count = Field(
        32 * _MIB,
        description="What photos' files may hold in memory at once while they are read and "
        "decoded, in bytes; more wait, and a larger one comes alone.",
    )
    fetch_threads: Annotated[int, Field(ge=1, le=64)] = Field(
        8, description="Threads that wait for photos that lie on the web or in buckets."
    )
    fetch_seconds: Seconds = Field(
        10.0, description="How long fetching one such photo may take in all."
    )
    download_folder: Path | None = Field(
        None,
        description="Folder for copies of photos that lie elsewhere, while they are sent. Unset "
        "takes the system's for temporary files.",
    )
    download_folder_bytes: Count = Field(
        256 * _MIB, description="Most bytes that such copies may take at once; more wait."
    )
    classes_cache_seconds: Annotated[float, Field(ge=0)] = Field(
        2.0,
        description="How long counts of classes and folders, and what a gallery holds, may be "
        "repeated; 0 asks Qdrant each time.",
    )


class CheckSettings(Settings):
    """How often the other parts are looked at."""

    subject = "Checks of other parts"

    check_seconds: Seconds = Field(
        1.0, description="How often encoders and the alias are checked while all is well."
    )
    recheck_seconds: Seconds = Field(
        0.2,
        description="How soon they are checked again while something is missing; backs off to "
        "`check_seconds`.",
    )
    check_timeout_seconds: Seconds = Field(1.0, description="Deadline of such a check.")


class SearchSettings(
    EncoderCallSettings,
    SearchLimitSettings,
    CacheSettings,
    ImageSettings,
    CheckSettings,
    QdrantSettings,
    GalleryAccessSettings,
    ServerSettings,
):
    """The search service's settings, `SKETCHZOO_SEARCH_*` in the environment."""

    model_config = SettingsConfigDict(env_prefix="SKETCHZOO_SEARCH_")

    encoder_targets: Annotated[tuple[str, ...], NoDecode, Field(max_length=7)] = Field(
        (),
        description="Further encoders, of other models: each gallery's searches ask the one whose "
        "model has made it (in the environment with blanks between). They may be away as long as "
        "no gallery needs them; TLS and token are those of `encoder_target`.",
    )
    port: Port = Field(50052, description="Port to listen on; 0 takes a free one and logs it.")
    processes: Processes = Field(
        1,
        description="Processes that answer on the port, each with its share of the caches and "
        "threads; 0 is one for every 4 cores.",
    )
    metrics_port: Port | None = Field(
        9102, description="Port of the /metrics page; 0 takes a free one."
    )
    gallery_roots: Annotated[tuple[Path, ...], NoDecode] = Field(
        (),
        description="Folders that photos may be read from (in the environment separated as in "
        "PATH); without any no image is answered.",
    )
    gallery_roots_file: Path | None = Field(
        None,
        validation_alias="SKETCHZOO_GALLERY_ROOTS_FILE",
        description="A file of further such folders, one a line, to which `sketchzoo ingest` adds "
        "on this machine; read again when it changes.",
    )
    gallery_uris: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="What uris of photos elsewhere must begin with to be read, "
        "as s3://bucket/photos or https://host/photos (in the environment with blanks between); "
        "credentials come from the environment.",
    )
    allow_private_addresses: bool = Field(
        default=False,
        description="Let photos be read from urls that lead to this machine or its network.",
    )
    gallery_store: str | None = Field(
        None,
        validation_alias="SKETCHZOO_GALLERY_STORE",
        description="The gallery service's store, a folder or a bucket: its photos may be read.",
    )

    @field_validator("encoder_targets", "gallery_uris", mode="before")
    @classmethod
    def _split_blanks(cls, value: Any) -> Any:
        return tuple(value.split()) if isinstance(value, str) else value

    @field_validator("gallery_roots", mode="before")
    @classmethod
    def _split_roots(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part for part in value.split(os.pathsep) if part)
        return value

    def encoders(self) -> tuple[str, ...]:
        """Return the encoders' targets, each once, the service's own first."""
        return tuple(dict.fromkeys((self.encoder_target, *self.encoder_targets)))

    def store_folder(self) -> Path | None:
        """Return the store where it is a folder, which may not be there yet."""
        store = self.gallery_store
        return None if store is None or "://" in store else Path(store)

    def uris(self) -> tuple[str, ...]:
        """Return what uris of photos elsewhere must begin with, the store's among it."""
        store = self.gallery_store
        if store is None or "://" not in store:
            return self.gallery_uris
        return (*self.gallery_uris, store)
