"""Settings: what every part lets its operator choose.

Each part has one class of settings. A field is an environment variable
(`SKETCHZOO_<PART>_<FIELD>`, or the name in its alias where all parts share it) and,
through `sketchzoo.cli.options`, an option of the part's command.
"""

import sys
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from sketchzoo.address import Host
from sketchzoo.limits import Peers
from sketchzoo.token import Grant, Token, read_grants

Seconds = Annotated[float, Field(gt=0)]
Port = Annotated[int, Field(ge=0, le=65535)]
Count = Annotated[int, Field(ge=1)]


def _check_shared_port(processes: int) -> int:
    if processes > 1 and sys.platform != "linux":
        raise ValueError("several processes on one port need Linux, which shares connections out")
    return processes


Processes = Annotated[int, Field(ge=0, le=256), AfterValidator(_check_shared_port)]
"""How many processes answer on a part's port; 0 is as many as its cores are good for."""


class Settings(BaseSettings):
    """The base of every part's settings: frozen, and strict about unknown names.

    `subject` is the heading in `--help` of the fields that a class declares.
    """

    subject: ClassVar[str] = "Options"

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        # An empty variable is an unset one: compose files and manifests pass what was left blank.
        env_ignore_empty=True,
        validate_by_name=True,
        validate_by_alias=True,
        validate_default=True,
        hide_input_in_errors=True,
        # A value from a file ends in a line break.
        str_strip_whitespace=True,
    )


class LogSettings(Settings):
    """Logs, which every part writes."""

    subject = "Logs and traces"

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", validation_alias="SKETCHZOO_LOG_LEVEL", description="Lowest level that is logged."
    )
    log_format: Literal["auto", "json", "console"] = Field(
        "auto",
        validation_alias="SKETCHZOO_LOG_FORMAT",
        description="`auto` is console on a terminal and json elsewhere.",
    )


class TraceSettings(Settings):
    """Where traces go."""

    subject = "Logs and traces"

    otlp_endpoint: str = Field(
        "",
        validation_alias="SKETCHZOO_OTLP_ENDPOINT",
        description="Where traces go (OTLP over gRPC), for instance http://127.0.0.1:4317; "
        "empty sends none.",
    )


class TelemetrySettings(LogSettings, TraceSettings):
    """Logs and traces."""


class ListenSettings(Settings):
    """Where a server listens."""

    subject = "Listening"

    host: Host = Field(
        "127.0.0.1", description="Address to listen on, IPv4 or IPv6; `::` is every one."
    )
    port: Port = Field(0, description="Port to listen on; 0 takes a free one and logs it.")
    port_file: Path | None = Field(
        None, description="File to write the port to once it is listened on; unset writes none."
    )
    metrics_port: Port | None = Field(
        None, description="Port of the /metrics page; 0 takes a free one; unset serves none."
    )


class CallLimitSettings(Settings):
    """What callers may ask and hold of a server."""

    subject = "Limits of calls and connections"

    max_message_bytes: Count = Field(
        16 * 1024 * 1024, description="Largest message taken or sent, in bytes."
    )
    max_concurrent_calls: Count = Field(
        256, description="Calls under way at once; more are refused with RESOURCE_EXHAUSTED."
    )
    max_held_bytes: Count = Field(
        256 * 1024 * 1024,
        description="What the messages of calls under way may hold, in bytes: each its own size, "
        "one that is long on its way `max_message_bytes`; more are refused.",
    )
    peer_share: Annotated[float, Field(gt=0, le=1)] = Field(
        0.25,
        description="Part of the calls and bytes under way that one caller's address may hold.",
    )
    exempt_peers: Annotated[tuple[str, ...], NoDecode] = Field(
        ("127.0.0.1", "::1"),
        description="Addresses, networks and names of hosts that no share is held to (in the "
        "environment with commas between): other parts, and proxies that speak for many.",
    )
    read_seconds: Seconds = Field(
        10.0, description="How long a call's message, or a stream's first, may take to arrive."
    )
    answer_seconds: Seconds = Field(
        10.0, description="How long an answer of a stream may wait to be read."
    )
    stream_idle_seconds: Seconds = Field(
        60.0, description="A stream without a message for this long is ended."
    )
    keepalive_seconds: Seconds = Field(
        20.0,
        description="A connection silent for this long is asked for a sign of life, and closed "
        "after as long again.",
    )
    max_connection_age_seconds: Seconds = Field(
        600.0,
        description="A connection takes no further calls from this age on: callers open another.",
    )
    connection_grace_seconds: Seconds = Field(
        30.0, description="How long calls may take to end on a connection of that age."
    )
    calls_per_second: Seconds | None = Field(
        None,
        description="Calls a second that one caller's address may make, twice as many at once; "
        "unset sets no limit.",
    )
    default_deadline_seconds: Seconds = Field(
        10.0, description="Deadline of calls that come without one."
    )
    drain_seconds: Seconds = Field(
        10.0, description="How long calls under way may take to end after SIGTERM."
    )

    @field_validator("exempt_peers", mode="before")
    @classmethod
    def _split_peers(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("exempt_peers", mode="after")
    @classmethod
    def _check_peers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        Peers(value)  # ValueError names what is none
        return value

    @model_validator(mode="after")
    def _check_held(self) -> Self:
        if self.max_held_bytes < self.max_message_bytes:
            raise ValueError("max_held_bytes must be at least max_message_bytes, or none fits")
        return self


class AccessSettings(Settings):
    """Who is let in, and by what proof."""

    subject = "TLS and access"

    tls_certificate: Path | None = Field(
        None, description="PEM file of the server's certificate chain; unset serves plain text."
    )
    tls_key: Path | None = Field(None, description="PEM file of the certificate's private key.")
    tls_client_ca: Path | None = Field(
        None, description="PEM file of the CA that signs clients' certificates: asks for mTLS."
    )
    token: Token | None = Field(
        None, description="Bearer token that callers must send; unset asks for none."
    )

    @model_validator(mode="after")
    def _check_tls(self) -> Self:
        given_together(self, "tls_certificate", "tls_key")
        if self.tls_client_ca is not None and self.tls_certificate is None:
            raise ValueError("tls_client_ca asks for mTLS, which needs tls_certificate and tls_key")
        return self

    def grants(self) -> tuple[Grant, ...]:
        """Return the tokens that callers may send; none are asked for where there are none.

        Raises:
            OSError: a file of tokens can't be read.
            ValueError: it holds something else.

        """
        return () if self.token is None else (Grant(self.token),)


class GalleryAccessSettings(AccessSettings):
    """Who is let in to which galleries, for servers that have several."""

    subject = "TLS and access"

    tokens: Annotated[tuple[Grant, ...], NoDecode] = Field(
        (),
        description="Further tokens that callers may send, each alone or with the galleries that "
        "it is good for, as `s3cret photos,holiday` (in the environment with semicolons between).",
    )
    tokens_file: Path | None = Field(
        None, description="A file of further such tokens, one a line; read at the start."
    )

    @field_validator("tokens", mode="before")
    @classmethod
    def _read_tokens(cls, value: Any) -> Any:
        if isinstance(value, str):
            return read_grants(value)
        if isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
            return read_grants("\n".join(value))
        return value

    def grants(self) -> tuple[Grant, ...]:
        """Return the tokens that callers may send, as `AccessSettings.grants`."""
        listed: tuple[Grant, ...] = ()
        if self.tokens_file is not None:
            try:
                listed = read_grants(self.tokens_file.read_text("utf-8"))
            except ValueError as error:
                raise ValueError(f"tokens_file {self.tokens_file}: {error}") from error
            if not listed:
                # An empty file must not mean that no token is asked for.
                raise ValueError(f"tokens_file {self.tokens_file}: holds no token")
        return (*super().grants(), *self.tokens, *listed)


class ServerSettings(ListenSettings, CallLimitSettings, AccessSettings, TelemetrySettings):
    """What every gRPC server lets its operator choose."""


def given_together(settings: Settings, first: str, second: str) -> None:
    """Refuse one of two settings without the other: ValueError names what is missing."""
    given = [name for name in (first, second) if getattr(settings, name) is not None]
    if len(given) == 1:
        missing = second if given == [first] else first
        raise ValueError(f"{given[0]} needs {missing}: give both or neither")
