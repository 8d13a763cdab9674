"""Settings of embedded Qdrant."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from sketchzoo.settings import Count, Port, Seconds, ServerSettings, Settings
from sketchzoo.token import Token


class QueryLimitSettings(Settings):
    """How much one call may ask for."""

    subject = "Limits of calls to collections"

    max_points_per_call: Count = Field(
        10_000, description="Most points in one upsert, or ids in one get or delete."
    )
    max_limit: Count = Field(
        10_000,
        description="Largest `limit` of a query, scroll or facet, and `limit` times `group_size` "
        "of groups.",
    )
    max_offset: Count = Field(100_000, description="Largest `offset` of a query.")
    max_queries_per_call: Count = Field(256, description="Most queries in one batch.")
    max_collections: Count = Field(64, description="Most collections at once.")


class WriteSettings(Settings):
    """How writes are taken and kept."""

    subject = "Writes"

    max_waiting_writes: Count = Field(
        256,
        description="Writes that may wait for a collection; more get RESOURCE_EXHAUSTED.",
    )
    max_waiting_write_bytes: Count = Field(
        256 * 1024 * 1024,
        description="Bytes of writes that may wait for a collection; more get RESOURCE_EXHAUSTED.",
    )
    write_slice_points: Count = Field(
        64, description="Points written in one go; queries are answered between slices."
    )
    min_free_bytes: int = Field(
        64 * 1024 * 1024,
        ge=0,
        description="What is kept free on the storage's disk: writes that would take it get "
        "RESOURCE_EXHAUSTED, since the engine does not survive a full disk.",
    )
    flush_seconds: Seconds = Field(
        300.0,
        description="Longest time that written points stay in the log alone while writes go on; "
        "a pause in the writes flushes at once. No query is answered during a flush.",
    )
    flush_points: Count = Field(
        100_000,
        description="Most points, and writes of other kinds, in the log alone: after a crash they "
        "are written again before queries are answered.",
    )


class IndexSettings(Settings):
    """When and how an index is built."""

    subject = "Index"

    index_threshold_points: int = Field(
        10_000,
        ge=0,
        description="Points without an index that start an index build; 0 never builds.",
    )
    index_quiet_seconds: Seconds = Field(
        2.0, description="Time without writes after which a due index is built."
    )
    index_growth: float = Field(
        1.0,
        gt=0,
        description="Build without waiting for quiet once the points without an index are "
        "this many times those with one (or the threshold, where that is more).",
    )
    index_threads: int = Field(
        0, ge=0, description="Threads that build an index; 0 takes one a core."
    )
    index_nice: int = Field(
        10, ge=0, le=19, description="How far the index build steps back from other work."
    )
    index_timeout_seconds: Seconds = Field(
        3600.0, description="Longest time an index build may take before it is given up."
    )
    index_journal_bytes: Count = Field(
        4 * 1024 * 1024 * 1024,
        description="Most bytes of writes noted on disk during an index build; past that the "
        "build is given up and tried again later.",
    )


class EmbeddedQdrantSettings(QueryLimitSettings, WriteSettings, IndexSettings, ServerSettings):
    """What the operator of embedded Qdrant chooses (`SKETCHZOO_EMBEDDED_QDRANT_*`)."""

    model_config = SettingsConfigDict(env_prefix="SKETCHZOO_EMBEDDED_QDRANT_")

    path: Path = Field(
        Path("qdrant-storage"), description="Folder of the collections; made if absent."
    )
    port: Port = Field(6334, description="Port to listen on; 0 takes a free one and logs it.")
    max_message_bytes: Count = Field(
        64 * 1024 * 1024, description="Largest message taken or sent, in bytes."
    )
    default_deadline_seconds: Seconds = Field(
        60.0, description="Deadline of calls that come without one."
    )
    api_key: Token | None = Field(
        None,
        description="Key that callers must send as `api-key`, as to a Qdrant server; "
        "unset asks for none.",
    )
    read_only_api_key: Token | None = Field(
        None, description="Key with which callers may read and not write; needs `api_key`."
    )

    @model_validator(mode="after")
    def _check_sizes(self) -> Self:
        if self.max_waiting_write_bytes < self.max_message_bytes:
            raise ValueError(
                "max_waiting_write_bytes must be at least max_message_bytes, or a write of that "
                "size is never taken"
            )
        return self

    @model_validator(mode="after")
    def _check_keys(self) -> Self:
        if self.read_only_api_key is not None and self.api_key is None:
            raise ValueError("read_only_api_key needs api_key: without it anyone may write")
        return self
