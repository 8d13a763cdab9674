"""Settings of the engine that runs the job."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode

from sketchzoo.settings import Count, Settings

_MIB = 1024 * 1024


class EngineSettings(Settings):
    """Where the job's stages run: in this process, or on a Ray cluster."""

    subject = "Engine"

    engine: Literal["process", "ray"] = Field(
        "process",
        description="What runs the job: this process, or `ray`, a Ray cluster (`pip install "
        "'sketchzoo[ray]'`).",
    )
    ray_address: str | None = Field(
        None,
        description="The cluster: host:port, or `auto` on one of its machines; unset takes "
        "RAY_ADDRESS, and where that is unset starts a cluster on this machine for the run.",
    )
    ray_workers: Count | None = Field(
        None,
        description="Processes that read, embed and write; unset is one for each of the "
        "cluster's CPUs that ray_worker_cpus counts, less those of its encoders.",
    )
    ray_worker_cpus: Annotated[float, Field(ge=0, le=256)] = Field(
        1.0, description="CPUs that Ray sets aside for each of these processes."
    )
    ray_partition_photos: Annotated[int, Field(ge=1, le=100_000)] = Field(
        1000,
        description="Photos of a partition, the piece that a worker does as a whole and a "
        "checkpoint stands for. A tar file that is copied to be read is one partition.",
    )
    ray_checkpoint: str | None = Field(
        None,
        description="Folder for the records of finished partitions, by which a job that was "
        "ended goes on: a path or a uri as s3://bucket/ingest that driver and workers reach "
        "alike. Unset is a folder of this machine, for a cluster that runs here alone.",
    )
    ray_writes: Annotated[int, Field(ge=1, le=1024)] = Field(
        8,
        description="Writes to Qdrant under way at once in the whole job, however many workers "
        "there are.",
    )
    ray_object_store_bytes: Annotated[int, Field(ge=80 * _MIB)] = Field(
        256 * _MIB,
        description="Shared memory of a cluster that is started for the run, in bytes.",
    )
    ray_encoder_targets: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Encoders that workers call, host:port each (in the environment with commas "
        "between); unset is the one of encoder_target. Their token and TLS are its.",
    )
    ray_encoders: Annotated[int, Field(ge=0, le=4096)] = Field(
        0,
        description="Encoders that the job itself starts on the cluster, instead of calling "
        "others: each is `sketchzoo encoder` with this environment's settings of it.",
    )
    ray_encoder_cpus: Annotated[float, Field(ge=0, le=256)] = Field(
        1.0, description="CPUs that Ray sets aside for each of these encoders."
    )
    ray_encoder_gpus: Annotated[float, Field(ge=0, le=64)] = Field(
        0.0, description="GPUs for each of these encoders; 0.5 puts two on one GPU."
    )
    dead_letters: str | None = Field(
        None,
        description="Parquet file, a path or a uri, for what was left out and why; unset is "
        "`dead-letters.parquet` in the checkpoint's folder. With engine ray alone.",
    )

    @field_validator("ray_encoder_targets", mode="before")
    @classmethod
    def _split_targets(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @model_validator(mode="after")
    def _check_engine(self) -> Self:
        if self.ray_encoders and self.ray_encoder_targets:
            raise ValueError(
                "ray_encoders starts encoders and ray_encoder_targets names some: give one of both"
            )
        if self.engine == "process":
            if self.dead_letters is not None:
                raise ValueError("dead_letters needs engine ray; errors_csv is the process's")
            return self
        for name in ("watch", "dry_run"):
            if getattr(self, name, False):
                raise ValueError(f"{name} needs engine process, which does that on this machine")
        return self
