"""Settings: what ingest lets its operator choose."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from sketchzoo.address import Host
from sketchzoo.call_settings import EncoderCallSettings, QdrantSettings
from sketchzoo.fetch import FetchLimits
from sketchzoo.image_settings import ImageSettings
from sketchzoo.settings import Count, Port, Seconds, Settings, TelemetrySettings
from sketchzoo.storage import CopyLimits
from sketchzoo_ingest.collection_settings import CollectionSettings
from sketchzoo_ingest.ray.settings import EngineSettings
from sketchzoo_ingest.sources import ClassFrom, UriPrefix

if TYPE_CHECKING:
    from sketchzoo_ingest.limits import PipelineLimits

_MIB = 1024 * 1024
# What a call to the encoder holds besides its photos.
_ENVELOPE_BYTES = 64 * 1024


class EncoderWaitSettings(EncoderCallSettings):
    """Which encoder is called, and how long it and Qdrant are waited for."""

    subject = "Encoder"

    encoder_max_message_bytes: Count = Field(
        16 * _MIB,
        validation_alias="SKETCHZOO_ENCODER_MAX_MESSAGE_BYTES",
        description="Largest message that the encoder takes: its own `max_message_bytes`.",
    )
    encode_timeout_seconds: Seconds = Field(60.0, description="Deadline of a call to the encoder.")
    retry_seconds: Annotated[float, Field(ge=0)] = Field(
        60.0,
        description="How long a failing call to the encoder or Qdrant is tried again before the "
        "run ends with status 4.",
    )


class BatchSettings(Settings):
    """How much is read, embedded and written at once."""

    subject = "Batches and memory"

    batch_size: Annotated[int, Field(ge=1, le=64)] = Field(
        16, description="Most photos in a call to the encoder."
    )
    batch_bytes: Count = Field(
        8 * _MIB,
        description="Most bytes of photos in a call of several; a larger photo goes alone.",
    )
    calls_in_flight: Annotated[int, Field(ge=1, le=256)] = Field(
        3,
        description="Calls to the encoder under way at once; two more than it has processes, "
        "where it has several and that is more.",
    )
    write_batch: Annotated[int, Field(ge=1, le=10_000)] = Field(
        128, description="Most photos in a write to Qdrant."
    )
    buffer_bytes: Count = Field(
        64 * _MIB,
        description="Most bytes of files that are read at once (a larger one is read alone), and "
        "of pictures that wait to be embedded.",
    )
    chunk_photos: Annotated[int, Field(ge=1, le=10_000)] = Field(
        16, description="Most photos read together and looked up in Qdrant by one call."
    )
    read_threads: Annotated[int, Field(ge=1, le=64)] = Field(
        2, description="Threads that read, hash and decode files."
    )


class FetchSettings(Settings):
    """How photos are fetched from elsewhere."""

    subject = "Urls and buckets"

    fetch_seconds: Seconds = Field(
        30.0,
        description="How long fetching one photo from a url or a bucket may take in all, pauses "
        "and attempts included.",
    )
    fetch_attempts: Count = Field(3, description="How often fetching a url is tried.")
    fetch_at_once: Annotated[int, Field(ge=1, le=256)] = Field(
        8, description="Photos fetched at once from urls and buckets."
    )
    allow_private_addresses: bool = Field(
        default=False,
        description="Fetch from this machine's and its network's own addresses, too.",
    )
    copy_bytes: Count = Field(
        16 * 1024 * _MIB,
        description="Most bytes of temporary files: copies of tar files and tables that lie "
        "elsewhere or are compressed. A larger one is not read.",
    )
    copy_seconds: Seconds = Field(
        3600.0, description="How long copying such a file from a url may take in all."
    )


class PipelineSettings(
    EncoderWaitSettings, BatchSettings, ImageSettings, FetchSettings, CollectionSettings
):
    """What the job and the gallery service have in common: how photos come into a collection."""

    no_location: bool = Field(
        default=False,
        description="Keep of no photo where it was taken, and forget where that was kept.",
    )

    @model_validator(mode="after")
    def _check_sizes(self) -> Self:
        if self.batch_bytes + _ENVELOPE_BYTES > self.encoder_max_message_bytes:
            raise ValueError(
                f"batch_bytes must be at least {_ENVELOPE_BYTES} less than "
                f"encoder_max_message_bytes ({self.encoder_max_message_bytes}), or no call "
                f"to the encoder holds it, not {self.batch_bytes}"
            )
        # One call's pictures are made while another's are embedded.
        least = 2 * self.batch_bytes
        if self.buffer_bytes < least:
            raise ValueError(
                f"buffer_bytes must be at least {least}, twice batch_bytes, not {self.buffer_bytes}"
            )
        return self

    def fetch_limits(self) -> FetchLimits:
        """Return the limits of fetching."""
        return FetchLimits(
            seconds=self.fetch_seconds,
            attempts=self.fetch_attempts,
            at_once=self.fetch_at_once,
            max_wait_seconds=self.fetch_seconds,
            allow_private_addresses=self.allow_private_addresses,
        )

    def copy_limits(self) -> CopyLimits:
        """Return the limits of copying whole files."""
        return CopyLimits(self.copy_bytes, self.copy_seconds)

    def pipeline_limits(self) -> "PipelineLimits":
        """Return the pipeline's limits."""
        # Here, since it brings the libraries of images along: `--help` needs none.
        from sketchzoo_ingest.limits import PipelineLimits  # noqa: PLC0415

        return PipelineLimits(
            images=self.image_limits(),
            chunk_photos=self.chunk_photos,
            batch_size=self.batch_size,
            batch_bytes=self.batch_bytes,
            calls_in_flight=self.calls_in_flight,
            write_batch=self.write_batch,
            buffer_bytes=self.buffer_bytes,
            max_sent_bytes=self.encoder_max_message_bytes - _ENVELOPE_BYTES,
            read_threads=self.read_threads,
            fetch_at_once=self.fetch_at_once,
        )


class WatchSettings(Settings):
    """How folders are followed."""

    subject = "Watching"

    watch: bool = Field(
        default=False,
        description="Stay after the run and follow the folders: what is added or changed is "
        "ingested, what is removed is deleted, as --prune does. SIGTERM ends it.",
    )
    rescan_seconds: Seconds = Field(
        3600.0, description="How often folders that are watched are listed whole all the same."
    )
    watch_poll: bool = Field(
        default=False,
        description="Look through watched folders every two seconds instead of being told of "
        "changes by the system, which does not tell what others change on a network drive.",
    )


class IngestSettings(
    PipelineSettings,
    WatchSettings,
    EngineSettings,
    QdrantSettings,
    TelemetrySettings,
):
    """Ingest's settings, `SKETCHZOO_INGEST_*` in the environment."""

    model_config = SettingsConfigDict(env_prefix="SKETCHZOO_INGEST_")

    prune: bool = Field(
        default=False,
        description="Delete photos whose files are gone from the folders ingested. What could "
        "not be read is spared, and so are classes and folders in which no photo is left.",
    )
    prune_empty: bool = Field(
        default=False,
        description="Prune, and also what was in classes and folders in which no photo is left.",
    )
    verify: bool = Field(
        default=False,
        description="Read every file and compare its content; without it, a file whose uri, size "
        "and time of change are those of a photo in the collection is not read.",
    )
    dry_run: bool = Field(
        default=False,
        description="Read and check everything, embed and write nothing.",
    )
    max_bad: Annotated[float, Field(ge=0, le=1)] = Field(
        0.5,
        description="Share of refused photos above which the run ends with status 3, prunes "
        "nothing and publishes no new collection.",
    )
    publish: bool = Field(
        default=True,
        description="Let searches see the collection when the run has come to its end. Without it "
        "`sketchzoo gallery publish` does so later.",
    )
    uri_prefix: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="FOLDER=URI: photos below FOLDER get uris that start with URI instead of "
        "file:///FOLDER (in the environment separated by commas).",
    )
    class_from: ClassFrom | None = Field(
        None,
        description="Where classes come from: `folder`, the first below a source; `column`, a "
        "table's column `class` or what lies beside a photo in a tar file; or `none`. Unset, the "
        "names and places of folders and columns tell, and the report says what was taken.",
    )
    manifest_root: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Folder in which a manifest's files may lie besides its own, a path or a uri "
        "as s3://bucket/photos (in the environment separated by commas).",
    )

    gallery_roots_file: Path | None = Field(
        None,
        validation_alias="SKETCHZOO_GALLERY_ROOTS_FILE",
        description="A file in which the folders ingested are listed, so that a search service on "
        "this machine that has the same setting may show their photos; unset lists none.",
    )

    nice: Annotated[int, Field(ge=0, le=19)] = Field(
        10,
        description="How far the job steps back from what answers searches on this machine; 0 does "
        "not.",
    )

    metrics_host: Host = Field("127.0.0.1", description="Address of the /metrics page.")
    metrics_port: Port | None = Field(
        None,
        description="Port of the /metrics page while the job runs; 0 takes a free one; unset "
        "serves none.",
    )

    @field_validator("uri_prefix", "manifest_root", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("uri_prefix")
    @classmethod
    def _check_prefixes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            UriPrefix.parse(text)
        return value

    def uri_prefixes(self) -> tuple[UriPrefix, ...]:
        """Return the prefixes read."""
        return tuple(UriPrefix.parse(text) for text in self.uri_prefix)
