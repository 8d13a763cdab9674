"""What the encoder's operator can choose."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from encoder_service.providers import PROVIDERS, checked
from sketchzoo.image_settings import ImageSettings
from sketchzoo.settings import Port, Processes, ServerSettings

Unset = Annotated[int, Field(ge=0, le=4096)]


class EncoderSettings(ImageSettings, ServerSettings):
    """The encoder's settings; each is an environment variable `SKETCHZOO_ENCODER_<FIELD>`."""

    model_config = SettingsConfigDict(env_prefix="SKETCHZOO_ENCODER_")

    port: Port = Field(50051, description="Port to listen on; 0 takes a free one and logs it.")
    metrics_port: Port | None = Field(
        9101, description="Port of the /metrics page; 0 takes a free one and logs it."
    )
    model: str = Field(
        "zoo-1", min_length=1, description="A shipped model's name, or a model artefact's folder."
    )
    runtime: Literal["onnx", "torch"] = Field(
        "onnx",
        description="What runs the model: `onnx` for CPUs, `torch` for CUDA (needs the gpu extra).",
    )
    providers: Annotated[tuple[str, ...], NoDecode] = Field(
        ("cpu",),
        description="What onnx runs on, the first that is there: "
        f"{', '.join(PROVIDERS)} (in the environment with commas between); at last the CPU.",
    )
    texts: bool = Field(
        default=True,
        description="Embed texts, where the model has a text tower (extra text) or knows classes "
        "and the extra words is installed.",
    )
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|cuda(:[0-9]{1,2})?)$",
        description="Where torch runs: cpu, cuda or cuda:N; `auto` is CUDA where there is one.",
    )
    precision: Literal["auto", "float32", "float16"] = Field(
        "auto",
        description="What torch computes in; `auto` is float16 on CUDA, float32 on CPUs. bfloat16 "
        "holds too few digits: searches would find other photos.",
    )
    device_timeout_seconds: Annotated[float, Field(gt=0, le=3600)] = Field(
        20.0,
        description="A run of the model without an answer for so long means a device that hangs: "
        "the encoder ends with status 1, to be started anew.",
    )
    processes: Processes = Field(
        0,
        description="Processes that answer on the port, each with its share of the workers; 0 is "
        "one for every 4 cores, one alone below 8 cores, and 4 at most but with onnx on the CPU.",
    )
    workers: Unset = Field(
        0,
        description="Threads that decode images and, with onnx, embed them, of all processes "
        "together; 0 is one a core.",
    )
    queue_calls: Unset = Field(
        0,
        description="Calls that may wait, in all processes together; more are refused with "
        "RESOURCE_EXHAUSTED. 0 is 8 a worker, and with torch at least 4 x max_batch a process.",
    )
    threads_alone: Annotated[int, Field(ge=0, le=64)] = Field(
        0,
        description="Threads for an image that comes alone (onnx on the CPU); 0 is as many as run "
        "one soonest, tried at the start. 1 keeps no second session.",
    )
    alone_after_seconds: Annotated[float, Field(ge=0, le=3600)] = Field(
        5.0,
        description="How long no two images must have met before one takes `threads_alone` "
        "threads again (onnx).",
    )
    max_batch: Annotated[int, Field(ge=1, le=512)] = Field(
        32,
        description="Most images in one run of the model (torch, and onnx on other than the CPU).",
    )
    max_delay_seconds: Annotated[float, Field(ge=0, le=1)] = Field(
        0.002,
        description="How long a batch may wait for images still on their way, where runs have "
        "several.",
    )

    @field_validator("providers", mode="before")
    @classmethod
    def _split_providers(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("providers", mode="after")
    @classmethod
    def _check_providers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return checked(value)
