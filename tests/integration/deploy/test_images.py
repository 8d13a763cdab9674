"""What Compose would start, started: each image's files, environment, user and command."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from sketchzoo.client import Client, GalleryClient
from tests.artefacts import drawing, picture
from tests.deployment import IMAGES, ROOT, SECRETS, read_compose
from tests.integration.deploy.images import Image, composed, lay_out, running, unpack_wheel, until
from tests.integration.deploy.ports import free_port
from tests.integration.faults.test_tls import make_certificates

pytestmark = [pytest.mark.timeout(400), pytest.mark.slow]

BOOTSTRAPS = {
    "encoder": "encoder_service.bootstrap, encoder_service.runtimes.onnx",
    "encoder-gpu": "encoder_service.bootstrap, encoder_service.runtimes.torch",
    "search": "search_service.bootstrap",
    "ingest": "sketchzoo_ingest.bootstrap",
    "gallery": "sketchzoo_ingest.gallery_service.bootstrap",
    "live-demo": "live_demo.bootstrap",
    "map": "live_demo.mapping",
}
# Hides what belongs to no distribution among the arguments.
PROBE = """
import importlib.metadata as m, re, sys
from importlib.machinery import PathFinder
plain = lambda name: re.sub(r"[-_.]+", "-", name).lower()
locked = {{"sketchzoo", *sys.argv[1:]}}
owners = {{t: {{plain(d) for d in found}} for t, found in m.packages_distributions().items()}}
class Lacking(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if path is None and owners.get(name) and not owners[name] & locked:
            return None
        return super().find_spec(name, path, target)
sys.meta_path = [Lacking if finder is PathFinder else finder for finder in sys.meta_path]
import sketchzoo.cli, sketchzoo.cli.health, {modules}
import opentelemetry.sdk.trace, opentelemetry.exporter.otlp.proto.grpc.trace_exporter
print(sketchzoo.__file__)
"""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Make a folder that the images' user can read, unlike pytest's own."""
    path = Path(tempfile.mkdtemp(prefix="images-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def images(folder: Path) -> dict[str, Image]:
    wheel = unpack_wheel(folder / "unpacked")
    return {target: lay_out(folder / target, target, wheel) for target in IMAGES}


@pytest.mark.parametrize("target", IMAGES)
def test_an_image_imports_only_what_its_lock_has(images: dict[str, Image], target: str) -> None:
    """The code comes from /app and imports where packages outside the lock are hidden."""
    image = images[target]
    lock = {"live-demo": "live", "gallery": "ingest"}.get(target, target)
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    locked = [plain(name) for name in re.findall(r"^([\w.-]+)(?:\[.*\])?==", text, re.MULTILINE)]
    python = str(image.root / "opt/venv/bin/python")
    done = subprocess.run(
        [python, "-c", PROBE.format(modules=BOOTSTRAPS[target]), *locked],
        cwd=f"{image.root}/app",
        env=image.environment({}),
        capture_output=True,
        text=True,
        check=False,
        **image.user(),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{image.root}/app/")


@pytest.mark.parametrize(
    ("target", "own"),
    [
        ("encoder", ["encoder"]),
        ("encoder-gpu", ["encoder"]),
        ("search", ["search"]),
        ("ingest", ["gallery", "ingest"]),
        ("gallery", ["gallery", "ingest"]),
        ("live-demo", ["live"]),
        ("map", ["live"]),
    ],
)
def test_an_image_has_the_commands_of_one_room(
    images: dict[str, Image], folder: Path, target: str, own: list[str]
) -> None:
    """Help lists its own beside what each has; another room's says that it is missing."""
    image, log = images[target], folder / f"{target}-help.log"
    assert image.run(("--help",), {}, log).wait(60) == 0
    listed = log.read_text().partition("\nCommands:\n")[2].splitlines()
    assert sorted(line.split()[0] for line in listed) == sorted([*own, "bench", "health", "query"])
    log.unlink()
    assert image.run(("train", "--list"), {}, log).wait(60) == 2
    assert log.read_text() == "sketchzoo train: sketchzoo_training is not installed here\n"
    assert not (image.root / "app/sketchzoo/models").exists() or own == ["encoder"]


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_composed_parts_find_photos(  # noqa: PLR0915 - Compose starts as many parts
    images: dict[str, Image], folder: Path
) -> None:
    """Servers start and pass their health checks, ingest runs, a search answers.

    What is sent to the gallery service is found, too, and shown.

    In Compose's order and environment; SIGTERM ends each with status 0.
    """
    photos = folder / "photos"
    for number in range(24):
        path = photos / ("cat", "dog")[number % 2] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(number))
    names = ("qdrant", "encoder", "search", "live", "gallery", "m1", "m2", "m3", "m4", "m5")
    ports = {name: free_port() for name in names}
    replaced = {
        "dns:///encoder:50051": f"127.0.0.1:{ports['encoder']}",
        "dns:///search:50052": f"127.0.0.1:{ports['search']}",
        "http://qdrant:6334": f"http://127.0.0.1:{ports['qdrant']}",
        "dns:///gallery:50053": f"127.0.0.1:{ports['gallery']}",
        "/photos": str(photos),
        "/kept": f"{images['gallery'].root}/kept",
    }
    here = {
        "encoder": {
            "SKETCHZOO_ENCODER_HOST": "127.0.0.1",
            "SKETCHZOO_ENCODER_PORT": str(ports["encoder"]),
            "SKETCHZOO_ENCODER_METRICS_PORT": str(ports["m1"]),
        },
        "search": {
            "SKETCHZOO_SEARCH_HOST": "127.0.0.1",
            "SKETCHZOO_SEARCH_PORT": str(ports["search"]),
            "SKETCHZOO_SEARCH_METRICS_PORT": str(ports["m2"]),
        },
        "gallery": {
            "SKETCHZOO_GALLERY_HOST": "127.0.0.1",
            "SKETCHZOO_GALLERY_PORT": str(ports["gallery"]),
            "SKETCHZOO_GALLERY_METRICS_PORT": str(ports["m5"]),
            "SKETCHZOO_GALLERY_STORE": f"{images['gallery'].root}/kept",
        },
        "live-demo": {
            "SKETCHZOO_LIVE_HOST": "127.0.0.1",
            "SKETCHZOO_LIVE_PORT": str(ports["live"]),
            "SKETCHZOO_LIVE_METRICS_PORT": str(ports["m3"]),
        },
        "ingest": {
            "SKETCHZOO_INGEST_METRICS_HOST": "127.0.0.1",
            "SKETCHZOO_INGEST_METRICS_PORT": str(ports["m4"]),
        },
    }
    logs = folder / "logs"
    logs.mkdir()
    with ExitStack() as stack:
        log = logs / "qdrant.log"
        with log.open("wb") as file:
            qdrant = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "sketchzoo",
                    "embedded-qdrant",
                    "--path",
                    str(folder / "storage"),
                    "--port",
                    str(ports["qdrant"]),
                    "--api-key",
                    SECRETS["QDRANT_API_KEY"],
                    "--read-only-api-key",
                    SECRETS["QDRANT_READ_ONLY_API_KEY"],
                ],
                cwd=ROOT,
                env={**os.environ},
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        stack.enter_context(running(qdrant, log))

        def start(service: str) -> tuple[Image, dict[str, str]]:
            image, log = images[service], logs / f"{service}.log"
            environment, command = composed(service, replaced)
            environment |= here[service]
            process = image.run(command or image.stage.command, environment, log)
            stack.enter_context(running(process, log))
            if service != "search":  # there is no gallery yet
                until(lambda: image.healthy(environment, addresses), process, log)
            return image, environment

        addresses = {
            "127.0.0.1:50051": f"127.0.0.1:{ports['encoder']}",
            "127.0.0.1:50052": f"127.0.0.1:{ports['search']}",
            "127.0.0.1:50053": f"127.0.0.1:{ports['gallery']}",
            "127.0.0.1:8080": f"127.0.0.1:{ports['live']}",
        }
        start("encoder")

        # encoder-ready, which gates the others
        environment, command = composed("encoder-ready", {})
        assert command[1] == "encoder:50051"
        ready = ("health", f"127.0.0.1:{ports['encoder']}", *command[2:])
        assert images["search"].run(ready, environment, logs / "ready.log").wait(60) == 0

        search, search_environment = start("search")
        start("gallery")
        start("live-demo")
        assert not search.healthy(search_environment, addresses)

        ingest = images["ingest"]
        environment, _ = composed("ingest", replaced)
        arguments = tuple(word.replace("/photos", str(photos)) for word in ingest.stage.command)
        log = logs / "sketchzoo_ingest.log"
        assert ingest.run(arguments, environment | here["ingest"], log).wait(120) == 0, (
            log.read_text()
        )

        until(lambda: search.healthy(search_environment, addresses), qdrant, logs / "search.log")
        token = search_environment["SKETCHZOO_SEARCH_TOKEN"] or None
        with Client(f"127.0.0.1:{ports['search']}", token=token, timeout=30) as client:
            found = client.search(drawing())
            assert len(found.hits) == 12
            assert client.photo(found.hits[0].photo_id).content
            secret = SECRETS["GALLERY_TOKEN"]
            with GalleryClient(f"127.0.0.1:{ports['gallery']}", token=secret) as gallery:
                [added] = gallery.add([picture(100)])
            assert added.outcome == "written", added.error
            assert client.photo(added.photo_id, original=True).content == picture(100)
        page = f"http://127.0.0.1:{ports['live']}/"
        assert b"<html" in urllib.request.urlopen(page, timeout=10).read()
        assert not list(folder.glob("*/app/**/*.pyc")), "something wrote below /app"


def test_the_encoder_is_healthy_over_tls(images: dict[str, Image], folder: Path) -> None:
    """With compose.tls.yml its own check and encoder-ready's wait pass; plain text does not."""
    made = make_certificates(folder / "tls")
    folder.joinpath("tls").chmod(0o755)
    made.key.chmod(0o644)
    files = {"ca.pem": made.ca, "server.pem": made.certificate, "server.key": made.key}
    over_tls = read_compose({}, ROOT / "deploy" / "compose.tls.yml")["services"]

    def tls(service: str) -> dict[str, str]:
        found = over_tls[service]["environment"]
        return {name: str(files[value.removeprefix("/tls/")]) for name, value in found.items()}

    image, port, log = images["encoder"], free_port(), folder / "tls.log"
    plain, _ = composed("encoder", {})
    plain |= {
        "SKETCHZOO_ENCODER_HOST": "127.0.0.1",
        "SKETCHZOO_ENCODER_PORT": str(port),
        "SKETCHZOO_ENCODER_METRICS_PORT": "0",
    }
    address = f"127.0.0.1:{port}"
    addresses = {"127.0.0.1:50051": address}
    process = image.run(image.stage.command, plain | tls("encoder"), log)
    with running(process, log):
        until(lambda: image.healthy(plain | tls("encoder"), addresses), process, log)
        assert not image.healthy(plain, addresses)
        environment, _ = composed("encoder-ready", {})
        wait = ("health", address, "--wait", "5")
        ready = images["search"].run(wait, environment | tls("encoder-ready"), folder / "wait.log")
        assert ready.wait(60) == 0


def test_the_gpu_image_serves_without_a_gpu(images: dict[str, Image], folder: Path) -> None:
    """The CUDA encoder's own command serves on the CPU where there is no device."""
    image = images["encoder-gpu"]
    port = str(free_port())
    environment, _ = composed("encoder-gpu", {})
    environment |= {
        "SKETCHZOO_ENCODER_HOST": "127.0.0.1",
        "SKETCHZOO_ENCODER_PORT": port,
        "SKETCHZOO_ENCODER_METRICS_PORT": "0",
    }
    log = folder / "gpu.log"
    with running(image.run(image.stage.command, environment, log), log) as process:
        addresses = {"127.0.0.1:50051": f"127.0.0.1:{port}"}
        until(lambda: image.healthy(environment, addresses), process, log, seconds=300)
    assert '"runtime": "torch"' in log.read_text()
