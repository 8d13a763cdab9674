"""Settings of what a part calls: Qdrant, the encoder, search, and whom it trusts."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from sketchzoo import gallery_names
from sketchzoo.settings import Seconds, Settings, given_together
from sketchzoo.token import Token


class ClientTlsSettings(Settings):
    """How a caller of one server proves itself to it, and what it trusts."""

    subject = "TLS"

    ca: Path | None = Field(
        None,
        validation_alias="SKETCHZOO_TLS_CA",
        description="PEM file of the CA that signs the called server's certificate; "
        "unset calls it in plain text.",
    )
    client_certificate: Path | None = Field(
        None,
        validation_alias="SKETCHZOO_TLS_CLIENT_CERTIFICATE",
        description="PEM file of the certificate shown to the called server (mTLS).",
    )
    client_key: Path | None = Field(
        None,
        validation_alias="SKETCHZOO_TLS_CLIENT_KEY",
        description="PEM file of that certificate's private key.",
    )

    @model_validator(mode="after")
    def _check_client_tls(self) -> Self:
        given_together(self, "client_certificate", "client_key")
        _needs(self, "client_certificate", "ca")
        return self


class EncoderCallSettings(Settings):
    """Which encoder is called, what is trusted of it and what is shown to it."""

    subject = "Encoder"

    encoder_target: str = Field(
        "127.0.0.1:50051",
        min_length=1,
        validation_alias="SKETCHZOO_ENCODER_TARGET",
        description="The encoder: host:port, or dns:///name:port for every address behind a "
        "name, called in turn.",
    )
    encoder_token: Token | None = Field(
        None,
        validation_alias="SKETCHZOO_ENCODER_CALL_TOKEN",
        description="Bearer token sent to the encoder.",
    )
    encoder_ca: Path | None = Field(
        None,
        validation_alias="SKETCHZOO_ENCODER_CALL_CA",
        description="PEM file of the CA that signs the encoder's certificate; unset calls it in "
        "plain text.",
    )
    encoder_client_certificate: Path | None = Field(
        None,
        validation_alias="SKETCHZOO_ENCODER_CALL_CLIENT_CERTIFICATE",
        description="PEM file of the certificate shown to the encoder (mTLS).",
    )
    encoder_client_key: Path | None = Field(
        None,
        validation_alias="SKETCHZOO_ENCODER_CALL_CLIENT_KEY",
        description="PEM file of that certificate's private key.",
    )

    @model_validator(mode="after")
    def _check_encoder_tls(self) -> Self:
        given_together(self, "encoder_client_certificate", "encoder_client_key")
        _needs(self, "encoder_client_certificate", "encoder_ca")
        return self


def _needs(settings: Settings, name: str, ca: str) -> None:
    """Refuse a certificate that would never be shown."""
    if getattr(settings, name) is not None and getattr(settings, ca) is None:
        raise ValueError(f"{name} is shown over TLS alone, which needs {ca}")


class QdrantSettings(Settings):
    """Where Qdrant is: a server, a cluster or embedded Qdrant."""

    subject = "Qdrant"

    qdrant_url: str = Field(
        "http://127.0.0.1:6334",
        validation_alias="SKETCHZOO_QDRANT_URL",
        description="Qdrant's gRPC address; of a cluster those of several nodes, with commas "
        "between them, or a name with several addresses. Where one is away others are asked.",
    )
    qdrant_api_key: Token | None = Field(
        None, validation_alias="SKETCHZOO_QDRANT_API_KEY", description="Qdrant's API key."
    )
    qdrant_ca: Path | None = Field(
        None,
        validation_alias="SKETCHZOO_QDRANT_CA",
        description="PEM file of the CA that signs Qdrant's certificate; unset trusts the CAs "
        "that gRPC knows.",
    )
    qdrant_client_certificate: Path | None = Field(
        None,
        validation_alias="SKETCHZOO_QDRANT_CLIENT_CERTIFICATE",
        description="PEM file of the certificate shown to Qdrant (mTLS).",
    )
    qdrant_client_key: Path | None = Field(
        None,
        validation_alias="SKETCHZOO_QDRANT_CLIENT_KEY",
        description="PEM file of that certificate's private key.",
    )
    qdrant_timeout_seconds: Seconds = Field(
        5.0,
        validation_alias="SKETCHZOO_QDRANT_TIMEOUT_SECONDS",
        description="Deadline of a call to Qdrant where the caller's is not nearer.",
    )
    qdrant_attempt_seconds: Seconds = Field(
        1.0,
        validation_alias="SKETCHZOO_QDRANT_ATTEMPT_SECONDS",
        description="How long one of several nodes may take to answer before another is asked; "
        "longer where its share of the call's time is.",
    )
    gallery: str = Field(
        "photos",
        validation_alias="SKETCHZOO_GALLERY",
        pattern=gallery_names.PATTERN,
        description="The gallery: an alias in Qdrant that names its current collection.",
    )

    @model_validator(mode="after")
    def _check_qdrant_tls(self) -> Self:
        given_together(self, "qdrant_client_certificate", "qdrant_client_key")
        for name in ("qdrant_ca", "qdrant_client_certificate"):
            if getattr(self, name) is not None and not all(
                url.strip().lower().startswith("https:") for url in self.qdrant_url.split(",")
            ):
                raise ValueError(f"{name} needs a qdrant_url that begins with https://")
        return self


SEARCH_TARGET = "127.0.0.1:50052"
SearchTarget = Annotated[
    str,
    Field(
        min_length=1,
        validation_alias="SKETCHZOO_SEARCH_TARGET",
        description="The search service: host:port, or dns:///name:port.",
    ),
]
SearchToken = Annotated[
    Token | None,
    Field(
        validation_alias="SKETCHZOO_SEARCH_CALL_TOKEN",
        description="Bearer token sent to the search service.",
    ),
]


class SearchClientSettings(ClientTlsSettings):
    """Which search service is called, and how its caller proves itself."""

    subject = "Search service"

    search_target: SearchTarget = SEARCH_TARGET
    search_token: SearchToken = None


class GalleryClientSettings(ClientTlsSettings):
    """Which gallery service is called, and how its caller proves itself."""

    subject = "Gallery service"

    gallery_target: str = Field(
        "127.0.0.1:50053",
        min_length=1,
        validation_alias="SKETCHZOO_GALLERY_TARGET",
        description="The gallery service: host:port, or dns:///name:port.",
    )
    gallery_token: Token | None = Field(
        None,
        validation_alias="SKETCHZOO_GALLERY_CALL_TOKEN",
        description="Bearer token sent to the gallery service.",
    )
