"""Settings of `sketchzoo live`."""

import ipaddress
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from sketchzoo.address import Host
from sketchzoo.call_settings import GalleryClientSettings, QdrantSettings, SearchClientSettings
from sketchzoo.limits import Peers, is_network
from sketchzoo.settings import Count, LogSettings, Port, Seconds, Settings, TelemetrySettings
from sketchzoo.token import Token

Names = Annotated[tuple[str, ...], NoDecode]
_SHORTEST_PASSWORD = 8


class LiveLimitSettings(Settings):
    """What pages may ask for and hold."""

    subject = "Limits of pages"

    max_connections: Count = Field(256, description="Pages connected at once.")
    max_client_connections: Count = Field(16, description="Pages connected at once, per address.")
    max_message_bytes: Count = Field(
        1024 * 1024, description="Largest message taken from a page, in bytes."
    )
    searches_per_second: Count = Field(
        30, description="Searches a page may ask for each second; three seconds' worth may burst."
    )
    requests_per_second: Count = Field(
        200,
        description="Photos and other files an address may ask for each second; three "
        "seconds' worth may burst.",
    )
    request_seconds: Seconds = Field(
        10.0, description="How long a request may take to arrive, of a photo each 64 KiB."
    )
    answer_seconds: Seconds = Field(
        30.0, description="How long an answer may take to be made and read, or each 64 KiB of it."
    )
    idle_seconds: Seconds = Field(
        900.0, description="A connection without a message for this long is closed."
    )
    search_seconds: Seconds = Field(5.0, description="Deadline of a search and of a photo.")
    photo_cache_bytes: Count = Field(
        64 * 1024 * 1024, description="Memory that keeps thumbnails asked for again."
    )
    original_seconds: Seconds = Field(
        600.0, description="How long an original may take to be handed out, in all."
    )
    max_picture_bytes: Count = Field(
        15 * 1024 * 1024,
        description="Largest picture to search with that the browser cannot make smaller "
        "itself, in bytes; four such are held.",
    )
    drain_seconds: Seconds = Field(
        3.0, description="How long connections may take to end after SIGTERM."
    )


class AddingSettings(GalleryClientSettings):
    """How photos are added from the page."""

    adding: bool = Field(
        True,  # noqa: FBT003 - a setting's default
        description="Let visitors add photos, where a gallery service is set and the page is this "
        "machine's alone or asks who is there.",
    )
    max_photo_bytes: Count = Field(
        128 * 1024 * 1024, description="Largest photo that is added, in bytes."
    )
    max_adding: Count = Field(8, description="Photos on their way into the gallery at once.")
    max_client_adding: Count = Field(
        4, description="Photos on their way into the gallery at once, per address."
    )

    @model_validator(mode="after")
    def _check_adding(self) -> Self:
        if self.max_client_adding > self.max_adding:
            raise ValueError("max_client_adding must be at most max_adding")
        return self

    @property
    def has_gallery_service(self) -> bool:
        """Whether somebody said which gallery service there is."""
        return "gallery_target" in self.model_fields_set


class VisitorSettings(Settings):
    """Who sees the page and its photos."""

    subject = "Who sees the page"

    password: SecretStr | None = Field(
        None,
        description="Password that visitors must give, at least 8 characters; unset asks for none.",
    )
    password_file: Path | None = Field(
        None, description="File that holds the password, read at the start, instead of it."
    )
    session_key: Token | None = Field(
        None,
        description="Secret that signs sessions, the same for gateways of one page; unset makes "
        "one at the start, and sessions end with the gateway.",
    )
    session_seconds: Seconds = Field(
        7 * 24 * 3600.0, description="How long the password is not asked for again."
    )
    login_attempts_per_minute: Count = Field(
        10, description="Passwords that an address may try a minute."
    )
    identity_header: str = Field(
        "",
        pattern=r"^[A-Za-z0-9-]*$",
        description="Header in which a trusted proxy says who is there, for instance "
        "X-Forwarded-User; who comes without it, or past the proxy, sees nothing.",
    )
    trusted_proxies: str = Field(
        "",
        description="Addresses of reverse proxies whose X-Forwarded-For and identity header are "
        "believed, with commas between; empty believes none.",
    )

    @field_validator("password")
    @classmethod
    def _check_password(cls, value: SecretStr | None) -> SecretStr | None:
        # Compose hands on a variable that is not set as one that is empty.
        if value is None or not value.get_secret_value():
            return None
        return _password(value.get_secret_value())

    @model_validator(mode="after")
    def _check_visitors(self) -> Self:
        named = ("password", "password_file", "identity_header")
        given = [name for name in named if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(f"give one of {' and '.join(given)}")
        if self.identity_header:
            proxies = self.trusted_proxies.split(",")
            if not any(is_network(name.strip()) for name in proxies):
                raise ValueError("identity_header needs trusted_proxies: who may set it")
            if everyone := {"*", "0.0.0.0/0", "::/0"} & {name.strip() for name in proxies}:
                raise ValueError(
                    f"identity_header would be anybody's with trusted_proxies `{min(everyone)}`"
                )
        return self

    @property
    def asks(self) -> bool:
        """Whether the page asks who is there."""
        return bool(self.password or self.password_file or self.identity_header)

    @property
    def proxies(self) -> Peers:
        """Who speaks for many visitors; names of hosts are no addresses and count as none."""
        named = [name.strip() for name in self.trusted_proxies.split(",")]
        everyone = ["0.0.0.0/0", "::/0"] if "*" in named else []
        return Peers([*everyone, *(name for name in named if is_network(name))])

    def read_password(self) -> SecretStr | None:
        """Return the password, from its file where that holds it.

        Raises:
            OSError: the file cannot be read.
            ValueError: it holds no password.

        """
        if self.password_file is None:
            return self.password
        try:
            return _password(self.password_file.read_text("utf-8"))
        except ValueError as error:
            raise ValueError(f"password_file: {error}") from error


class LiveSettings(
    VisitorSettings, AddingSettings, LiveLimitSettings, SearchClientSettings, TelemetrySettings
):
    """What the page and its gateway let their operator choose."""

    model_config = SettingsConfigDict(env_prefix="SKETCHZOO_LIVE_")

    host: Host = Field(
        "127.0.0.1", description="Address to listen on, IPv4 or IPv6; `::` is every one."
    )
    port: Port = Field(8080, description="Port of the page; 0 takes a free one and logs it.")
    port_file: Path | None = Field(
        None, description="File to write the port to once it is listened on; unset writes none."
    )
    metrics_port: Port | None = Field(
        None, description="Port of the /metrics page; 0 takes a free one; unset serves none."
    )
    map_file: Path | None = Field(
        None,
        description="The gallery's map, made by `sketchzoo live map`; read again when it "
        "changes; unset shows none.",
    )
    shown_fields: Names = Field(
        ("title", "author", "licence", "license", "source"),
        description="Payload fields that the page may show beside a photo (in the environment, "
        "as with all lists here, with commas between).",
    )

    allowed_hosts: Names = Field(
        (),
        description="Host names under which the page is reached; localhost and plain "
        "addresses always are, `*` takes any.",
    )
    allowed_origins: Names = Field(
        (), description="Further origins whose pages may search, for instance https://zoo.example."
    )

    @field_validator("shown_fields", "allowed_hosts", "allowed_origins", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @property
    def is_private(self) -> bool:
        """Whether nobody but this machine's users reaches the page."""
        here = self.host == "localhost"
        if is_network(self.host):
            here = ipaddress.ip_address(self.host).is_loopback
        return here and not self.trusted_proxies and not self.allowed_hosts

    @property
    def lets_add(self) -> bool:
        """Whether visitors may add photos."""
        return self.adding and self.has_gallery_service and (self.is_private or self.asks)


def _password(text: str) -> SecretStr:
    text = text.strip()
    if len(text) < _SHORTEST_PASSWORD:
        raise ValueError(f"a password has at least {_SHORTEST_PASSWORD} characters")
    return SecretStr(text)


class MapSettings(QdrantSettings, LogSettings):
    """What `sketchzoo live map` lets its operator choose."""

    model_config = SettingsConfigDict(env_prefix="SKETCHZOO_LIVE_MAP_")

    photos: Count = Field(
        10_000, description="Photos on the map; of a larger gallery so many are taken."
    )
    neighbours: Annotated[int, Field(ge=2, le=200)] = Field(
        15, description="Photos that each photo is kept close to."
    )
    epochs: Count = Field(300, description="Rounds of the layout.")
    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(
        0, description="Seed of the layout; the same gives the same map."
    )
