"""docker-compose.yml: closed to the outside, limited, started in order."""

import os
import shutil
import subprocess

import pytest

from tests.deployment import (
    IMAGES,
    ROOT,
    SECRETS,
    read_compose,
    read_dockerfile,
    read_environment_file,
)

EXAMPLE = read_environment_file()
SERVICES = read_compose({**EXAMPLE, **SECRETS})["services"]
OWN = {name: service for name, service in SERVICES.items() if "build" in service}
ENCODERS = ("encoder", "encoder-gpu", "encoder-next", "encoder-next-gpu")


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="docker-compose is missing")
@pytest.mark.parametrize("more", [[], ["deploy/compose.tls.yml"]], ids=["alone", "tls"])
def test_compose_itself_takes_the_file(more: list[str]) -> None:
    """`docker-compose config` finds nothing wrong, with the secrets set."""
    files = [part for path in ("docker-compose.yml", *more) for part in ("-f", path)]
    done = subprocess.run(
        ["docker-compose", *files, "--env-file", ".env.example", "config", "-q"],
        cwd=ROOT,
        env={**os.environ, **SECRETS},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_every_server_and_caller_gets_tls() -> None:
    """With compose.tls.yml own parts have the folder and trust its CA; servers show theirs."""
    over_tls = read_compose(EXAMPLE, ROOT / "deploy" / "compose.tls.yml")["services"]
    # The map is made of what Qdrant has.
    assert set(over_tls) == {*OWN, *ENCODERS, "encoder-ready"} - {"map"}
    for name, service in over_tls.items():
        assert service["volumes"] == ["./tls:/tls:ro"]
        assert service["environment"]["SKETCHZOO_TLS_CA"] == "/tls/ca.pem"
        calls_encoder = service["environment"].get("SKETCHZOO_ENCODER_CALL_CA") == "/tls/ca.pem"
        assert calls_encoder or name not in {"search", "gallery", "ingest"}
        shown = [key for key in service["environment"] if key.endswith("_TLS_CERTIFICATE")]
        assert bool(shown) == (name in {*ENCODERS, "search", "gallery"})


@pytest.mark.parametrize("secret", SECRETS)
def test_a_missing_secret_is_told(secret: str) -> None:
    """Nothing starts with an empty key or password."""
    with pytest.raises(ValueError, match=f"{secret}.*env.example"):
        read_compose({**EXAMPLE, **SECRETS, secret: ""})


def test_nothing_listens_beyond_this_machine() -> None:
    """Every published port names 127.0.0.1, and Qdrant has none."""
    ports = {name: service.get("ports", []) for name, service in SERVICES.items()}
    assert [
        port for each in ports.values() for port in each if not port.startswith("127.0.0.1:")
    ] == []
    assert {name for name, each in ports.items() if each} == {
        "search",
        "gallery",
        "live-demo",
        "prometheus",
        "alertmanager",
        "grafana",
    }


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_limited(name: str) -> None:
    """Each has a memory limit, no privileges to gain, bounded logs and a pinned image."""
    service = SERVICES[name]
    assert service["mem_limit"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["logging"]["options"]["max-size"]
    assert ":" in service["image"]
    assert not service["image"].endswith(":latest")
    # Qdrant alone writes beside its volumes.
    assert service.get("read_only", False) == (name != "qdrant")


def test_every_image_is_built_by_one_service() -> None:
    """Two builds of one tag race; who shares an image must not ask a registry for it."""
    assert sorted(service["build"]["target"] for service in OWN.values()) == sorted(IMAGES)
    tags = [service["image"] for service in OWN.values()]
    assert len(set(tags)) == len(tags)
    sharing = {
        name: service["pull_policy"]
        for name, service in SERVICES.items()
        if name not in OWN and service["image"] in tags
    }
    assert sharing == dict.fromkeys(("encoder-ready", *ENCODERS[2:]), "never")


def test_only_ingest_and_gallery_may_write() -> None:
    """Qdrant knows both keys; whoever only reads has the one that can't write."""
    keys = {
        name: value
        for name, service in SERVICES.items()
        for variable, value in service.get("environment", {}).items()
        if variable.endswith("QDRANT_API_KEY")
    }
    reads = SECRETS["QDRANT_READ_ONLY_API_KEY"]
    assert keys == {
        "ingest": SECRETS["QDRANT_API_KEY"],
        "gallery": SECRETS["QDRANT_API_KEY"],
        "search": reads,
        "map": reads,
        "prometheus": reads,
    }
    qdrant = SERVICES["qdrant"]["environment"]
    assert qdrant["QDRANT__SERVICE__API_KEY"] == SECRETS["QDRANT_API_KEY"]
    assert qdrant["QDRANT__SERVICE__READ_ONLY_API_KEY"] == reads


def test_the_page_finds_the_map_and_its_visitors() -> None:
    """`map` writes the file that the page reads; names and proxies come from .env."""
    volume, _, path = SERVICES["map"]["volumes"][0].partition(":")
    environment = SERVICES["live-demo"]["environment"]
    assert SERVICES["live-demo"]["volumes"] == [f"{volume}:{path}:ro"]
    assert environment["SKETCHZOO_LIVE_MAP_FILE"] == SERVICES["map"]["command"][-1]
    assert environment["SKETCHZOO_LIVE_MAP_FILE"].startswith(f"{path}/")
    given = {"LIVE_ALLOWED_HOSTS": "zoo.example", "LIVE_TRUSTED_PROXIES": "10.0.0.1"}
    environment = read_compose({**EXAMPLE, **SECRETS, **given})["services"]["live-demo"][
        "environment"
    ]
    assert environment["SKETCHZOO_LIVE_ALLOWED_HOSTS"] == "zoo.example"
    assert environment["SKETCHZOO_LIVE_TRUSTED_PROXIES"] == "10.0.0.1"


def test_what_is_added_is_shown() -> None:
    """Search reads where the gallery service keeps photos, and may not write there.

    The page has the gallery service's token.
    """
    assert "kept:/kept" in SERVICES["gallery"]["volumes"]
    assert read_dockerfile()["gallery"].environment["SKETCHZOO_GALLERY_STORE"] == "/kept"
    search, page = SERVICES["search"], SERVICES["live-demo"]["environment"]
    assert "kept:/kept:ro" in search["volumes"]
    assert "/kept" in search["environment"]["SKETCHZOO_SEARCH_GALLERY_ROOTS"].split(":")
    token = SERVICES["gallery"]["environment"]["SKETCHZOO_GALLERY_TOKEN"]
    assert page["SKETCHZOO_GALLERY_CALL_TOKEN"] == token == SECRETS["GALLERY_TOKEN"]
    # A new volume takes the owner of the folder in the image that mounts it first.
    for image in ("search", "gallery"):
        assert ("empty", "/kept", "/kept") in read_dockerfile()[image].copies


def test_every_encoder_sees_models_beside_the_shipped_ones() -> None:
    """The folder that MODELS names is /models, where docs/operations/upgrade-model.md has them."""
    for name in ENCODERS:
        assert SERVICES[name]["volumes"] == ["./models:/models:ro"]


def test_search_asks_a_new_models_encoder_without_a_restart() -> None:
    """It knows the second encoder's name from the start; NEXT_MODEL says what that serves."""
    environment = SERVICES["search"]["environment"]
    assert environment["SKETCHZOO_SEARCH_ENCODER_TARGETS"] == "dns:///encoder-next:50051"
    given = {**EXAMPLE, **SECRETS, "MODEL": "/models/a", "NEXT_MODEL": "/models/b"}
    services = read_compose(given)["services"]
    for name in ENCODERS:
        alias, model = ("encoder-next", "b") if "next" in name else ("encoder", "a")
        assert services[name]["networks"]["back"]["aliases"] == [alias]
        own = services[name]["environment"]
        assert own["SKETCHZOO_ENCODER_MODEL"] == f"/models/{model}"
        assert own["SKETCHZOO_ENCODER_EXEMPT_PEERS"].endswith("ingest-job")


def test_the_start_is_gated_on_health() -> None:
    """What needs both waits for Qdrant's health and for the encoder's, whichever it is."""
    for name in ("search", "gallery", "ingest"):
        assert SERVICES[name]["depends_on"] == {
            "qdrant": {"condition": "service_healthy"},
            "encoder-ready": {"condition": "service_completed_successfully"},
        }
    assert SERVICES["encoder-ready"]["command"][:2] == ["health", "encoder:50051"]
    for name in ("encoder", "encoder-gpu"):
        assert SERVICES[name]["networks"]["back"]["aliases"] == ["encoder"]


def test_profiles_choose_one_encoder() -> None:
    """Cpu is the default; ingest and map start only when they are run."""
    assert EXAMPLE["COMPOSE_PROFILES"] == "cpu"
    profiles = {
        name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service
    }
    assert profiles == {
        "encoder": ["cpu"],
        "encoder-gpu": ["gpu"],
        "encoder-next": ["next"],
        "encoder-next-gpu": ["next-gpu"],
        "ingest": ["ingest"],
        "map": ["map"],
    }


def test_prometheus_scrapes_the_ports_that_images_expose() -> None:
    """Each scraped port is one of the image's."""
    text = (ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text()
    stages = read_dockerfile()
    for image, name in (
        ("encoder", "encoder"),
        ("encoder", "encoder-next"),
        ("search", "search"),
        ("live-demo", "live-demo"),
        ("ingest", "ingest-job"),
        ("gallery", "gallery"),
    ):
        assert f"names: [{name}], type: A, port: {stages[image].exposed[-1]}" in text
