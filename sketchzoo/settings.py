"""Settings: what every part lets its operator choose.

Each part has one class of settings. A field is an environment variable
(`SKETCHZOO_<PART>_<FIELD>`, or the name in its alias where all parts share it) and,
through `sketchzoo.cli.options`, an option of the part's command.
"""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from sketchzoo.address import Host
from sketchzoo.token import Token

Seconds = Annotated[float, Field(gt=0)]
Port = Annotated[int, Field(ge=0, le=65535)]
Count = Annotated[int, Field(ge=1)]


class Settings(BaseSettings):
    """The base of every part's settings: frozen, and strict about unknown names."""

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


class TelemetrySettings(Settings):
    """Logs, metrics and traces."""

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", validation_alias="SKETCHZOO_LOG_LEVEL", description="Lowest level that is logged."
    )
    log_format: Literal["auto", "json", "console"] = Field(
        "auto",
        validation_alias="SKETCHZOO_LOG_FORMAT",
        description="`auto` is console on a terminal and json elsewhere.",
    )
    otlp_endpoint: str = Field(
        "",
        validation_alias="SKETCHZOO_OTLP_ENDPOINT",
        description="Where traces go (OTLP over gRPC), for instance http://127.0.0.1:4317; "
        "empty sends none.",
    )


class ServerSettings(TelemetrySettings):
    """What every gRPC server lets its operator choose."""

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
    max_message_bytes: Count = Field(
        16 * 1024 * 1024, description="Largest message taken or sent, in bytes."
    )
    max_concurrent_calls: Count = Field(
        256, description="Calls under way at once; more are refused with RESOURCE_EXHAUSTED."
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
        _both("tls_certificate", self.tls_certificate, "tls_key", self.tls_key)
        if self.tls_client_ca is not None and self.tls_certificate is None:
            raise ValueError("tls_client_ca asks for mTLS, which needs tls_certificate and tls_key")
        return self


class ClientTlsSettings(Settings):
    """How a part proves itself to the parts it calls, and what it trusts."""

    ca: Path | None = Field(
        None,
        validation_alias="SKETCHZOO_TLS_CA",
        description="PEM file of the CA that signs the called servers' certificates; "
        "unset calls in plain text.",
    )
    client_certificate: Path | None = Field(
        None,
        validation_alias="SKETCHZOO_TLS_CLIENT_CERTIFICATE",
        description="PEM file of the certificate shown to called servers (mTLS).",
    )
    client_key: Path | None = Field(
        None,
        validation_alias="SKETCHZOO_TLS_CLIENT_KEY",
        description="PEM file of that certificate's private key.",
    )

    @model_validator(mode="after")
    def _check_client_tls(self) -> Self:
        _both("client_certificate", self.client_certificate, "client_key", self.client_key)
        if self.client_certificate is not None and self.ca is None:
            raise ValueError("client_certificate is shown over TLS alone, which needs ca")
        return self


def _both(first: str, one: Path | None, second: str, other: Path | None) -> None:
    """Refuse one of two settings without the other: ValueError names what is missing."""
    if (one is None) != (other is None):
        given, missing = (first, second) if other is None else (second, first)
        raise ValueError(f"{given} needs {missing}: give both or neither")


class QdrantSettings(Settings):
    """Where Qdrant is: a server, a cluster or embedded Qdrant."""

    qdrant_url: str = Field(
        "http://127.0.0.1:6334",
        validation_alias="SKETCHZOO_QDRANT_URL",
        description="Qdrant's gRPC address.",
    )
    qdrant_api_key: Token | None = Field(
        None, validation_alias="SKETCHZOO_QDRANT_API_KEY", description="Qdrant's API key."
    )
    qdrant_timeout_seconds: Seconds = Field(
        5.0,
        validation_alias="SKETCHZOO_QDRANT_TIMEOUT_SECONDS",
        description="Deadline of a call to Qdrant where the caller's is not nearer.",
    )
    alias: str = Field(
        "photos",
        validation_alias="SKETCHZOO_ALIAS",
        pattern=r"^[A-Za-z0-9_.-]{1,200}$",
        description="The alias that names the gallery's current collection.",
    )
