"""Settings of `sketchzoo live`."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from sketchzoo.address import Host
from sketchzoo.call_settings import QdrantSettings, SearchClientSettings
from sketchzoo.limits import Peers, is_network
from sketchzoo.settings import Count, LogSettings, Port, Seconds, Settings, TelemetrySettings

Names = Annotated[tuple[str, ...], NoDecode]


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
    request_seconds: Seconds = Field(10.0, description="How long a request may take to arrive.")
    answer_seconds: Seconds = Field(
        30.0, description="How long an answer may take to be made and read."
    )
    idle_seconds: Seconds = Field(
        900.0, description="A connection without a message for this long is closed."
    )
    search_seconds: Seconds = Field(5.0, description="Deadline of a search and of a photo.")
    photo_cache_bytes: Count = Field(
        64 * 1024 * 1024, description="Memory that keeps thumbnails asked for again."
    )
    drain_seconds: Seconds = Field(
        3.0, description="How long connections may take to end after SIGTERM."
    )


class LiveSettings(LiveLimitSettings, SearchClientSettings, TelemetrySettings):
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
    trusted_proxies: str = Field(
        "",
        description="Addresses of reverse proxies whose X-Forwarded-For is believed, "
        "with commas between; empty believes none.",
    )

    @field_validator("shown_fields", "allowed_hosts", "allowed_origins", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @property
    def proxies(self) -> Peers:
        """Who speaks for many visitors; names of hosts are no addresses and count as none."""
        named = [name.strip() for name in self.trusted_proxies.split(",")]
        everyone = ["0.0.0.0/0", "::/0"] if "*" in named else []
        return Peers([*everyone, *(name for name in named if is_network(name))])


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
