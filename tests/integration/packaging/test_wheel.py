"""The project as it is installed: built to a wheel, in an environment and a folder of its own."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import grpc
import pytest
from packaging.tags import platform_tags

import sketchzoo
from sketchzoo.encoder.v1 import encoder_pb2, encoder_pb2_grpc
from tests.artefacts import encoder_process, picture

ROOT = Path(__file__).parents[3]
# What lies in site-packages, each a name that nobody else is likely to have taken.
PACKAGES = (
    "embedded_qdrant",
    "encoder_service",
    "live_demo",
    "local_stack",
    "sample_gallery",
    "search_service",
    "sketchzoo",
    "sketchzoo_ingest",
    "sketchzoo_training",
)


def build(target: str, source: Path, folder: Path, **environment: str) -> Path:
    """Build `source` as pip would and return what came out."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    subprocess.run(
        command, cwd=source, check=True, capture_output=True, env=os.environ | environment
    )
    (made,) = folder.iterdir()
    return made


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the scripts of a new environment with the wheel that the sdist makes.

    Its dependencies are this environment's, which it sees behind its own packages.
    """
    folder = tmp_path_factory.mktemp("installed")
    with tarfile.open(build("sdist", ROOT, folder / "sdist")) as sdist:
        sdist.extractall(folder / "unpacked", filter="data")
    (source,) = (folder / "unpacked").iterdir()
    wheel = build("wheel", source, folder / "wheel")
    uv = [sys.executable, "-m", "uv", "--offline", "--no-config"]
    home = folder / "environment"
    subprocess.run([*uv, "venv", "-q", "--python", sys.executable, str(home)], check=True)
    python = home / "bin" / "python"
    install = [*uv, "pip", "install", "-q", "--no-deps", "--python", str(python), str(wheel)]
    subprocess.run(install, check=True)
    (packages,) = home.glob("lib/python*/site-packages")
    # A plain path: the .pth files over there, our own checkout's for one, are not followed.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home / "bin"


def test_the_command_runs_anywhere(installed: Path, tmp_path: Path) -> None:
    """`sketchzoo` stands on the environment's path and tells its version."""
    run = subprocess.run(
        [installed / "sketchzoo", "--help"], cwd=tmp_path, check=True, capture_output=True
    )
    assert b"demo" in run.stdout
    code = "import sketchzoo; print(sketchzoo.__file__, sketchzoo.__version__)"
    told = subprocess.run(
        [installed / "python", "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout.split()
    assert Path(told[0]).is_relative_to(installed.parent)
    assert told[1] == sketchzoo.__version__


def test_the_wheel_takes_these_names_and_no_others(installed: Path) -> None:
    """What is installed beside other projects' packages does not grow by accident."""
    (packages,) = installed.parent.glob("lib/python*/site-packages")
    (record,) = packages.glob("sketchzoo-*.dist-info/RECORD")
    paths = [line.split(",")[0] for line in record.read_text().splitlines()]
    names = {path.partition("/")[0] for path in paths if not path.startswith("../")}
    assert names - {record.parent.name} == set(PACKAGES)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_tells_its_types(installed: Path, package: str) -> None:
    """Type checkers read what is installed."""
    (packages,) = installed.parent.glob("lib/python*/site-packages")
    assert (packages / package / "__init__.py").is_file()
    assert (packages / package / "py.typed").is_file()


def test_every_file_that_the_checkout_knows_is_installed(installed: Path) -> None:
    """No page, preset or manifest stays behind."""
    (packages,) = installed.parent.glob("lib/python*/site-packages")
    for package in PACKAGES:
        (source,) = (
            path for path in (ROOT, *ROOT.glob("*/")) if (path / package / "__init__.py").is_file()
        )
        known = subprocess.run(
            ["git", "ls-files", "-z", package],
            cwd=source,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split("\0")[:-1]
        there = [name for name in known if (source / name).exists()]
        assert there
        assert [name for name in there if not (packages / name).exists()] == []


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_the_installed_package_thins_in_c(installed: Path, tmp_path: Path) -> None:
    """The wheel is this platform's, serves every Python 3, and its library loads."""
    (packages,) = installed.parent.glob("lib/python*/site-packages")
    (described,) = packages.glob("sketchzoo-*.dist-info/WHEEL")
    (tag,) = re.findall(r"^Tag: (.+)$", described.read_text(), re.MULTILINE)
    assert re.fullmatch(r"py3-none-(?!any).+", tag)
    assert tag in {f"py3-none-{own}" for own in platform_tags()}
    code = "from sketchzoo.compiled import LIBRARY; print(LIBRARY._name)"
    told = subprocess.run(
        [installed / "python", "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout.strip()
    assert told == str(packages / "sketchzoo" / "libmorphology.so")


def test_without_a_compiler_there_is_a_wheel_for_every_platform(tmp_path: Path) -> None:
    """No leftover of another build gets into it."""
    wheel = build("wheel", ROOT, tmp_path, CC="/nonexistent/cc")
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert not [name for name in archive.namelist() if name.endswith(".so")]


def test_the_shipped_model_serves_from_any_folder(installed: Path, tmp_path: Path) -> None:
    """The encoder finds `zoo-1` by its name and embeds with it."""
    command = (str(installed / "sketchzoo"),)
    with (
        encoder_process("zoo-1", command=command, folder=tmp_path) as encoder,
        grpc.insecure_channel(encoder.target) as channel,
    ):
        image = encoder_pb2.Image(content=picture(), modality=encoder_pb2.MODALITY_PHOTO)
        answer = encoder_pb2_grpc.EncoderServiceStub(channel).Embed(
            encoder_pb2.EmbedRequest(images=[image]), timeout=30
        )
    assert answer.results[0].embedding.dimension > 0
    assert answer.model_fingerprint


def test_the_shipped_model_is_whole(installed: Path, tmp_path: Path) -> None:
    """Weights for both runtimes and the card with the data's terms come along."""
    code = (
        "from sketchzoo.model import ModelArtefact as A;"
        "print(*sorted(p.name for p in A.load('zoo-1').folder.iterdir()))"
    )
    told = subprocess.run(
        [installed / "python", "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout.split()
    assert told == sorted(path.name for path in (ROOT / "models" / "zoo-1").iterdir())


def test_an_editable_installation_takes_no_copies(tmp_path: Path) -> None:
    """`make demo` and `make test` run the checkout itself, its models too."""
    code = f"from hatchling.build import build_editable; build_editable({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.iterdir()
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
        assert names == ["_sketchzoo.pth"]
        folders = [ROOT, ROOT / "ingest", ROOT / "training"]
        assert archive.read("_sketchzoo.pth").decode().splitlines() == [str(f) for f in folders]
