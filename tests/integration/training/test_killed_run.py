"""A training run killed with SIGKILL goes on to the very losses of an unharmed one."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from PIL import Image, ImageDraw
from safetensors.torch import load_file

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

# A run takes half a minute where nothing else does: only one that hangs takes longer than this.
LONG = 280

CONFIG = """
[data]
size = 32
[network]
backbone = "efficientnet_lite0"
weights = "none"
dimension = 16
head = "modern"
[loss]
name = "proxy-anchor"
[sampling]
classes = 2
[optimiser]
schedule = "cosine"
[budget]
steps = 14
validate_every = 5
checkpoint_every = 3
[augmentation]
sketch_width = 0.5
photo_crop = 0.3
[device]
device = "cpu"
threads = 1
read_every = 1
"""
RUN = """
import sys
from pathlib import Path
from sketchzoo_training.recipes.settings import read_toml
from sketchzoo_training.recipes.siamese.config import parse_config
from sketchzoo_training.recipes.siamese.trainer import train
config, zoo, run = map(Path, sys.argv[1:])
train(parse_config(read_toml(config), "test"), zoo, run)
"""
TOWERS = """
import json, sys
from pathlib import Path
from sketchzoo_training.recipes.settings import checked
from sketchzoo_training.recipes.towers import run
from sketchzoo_training.recipes.towers.config import TowersConfig
if __name__ == "__main__":
    run.assemble = run.measure = run.write_card = lambda *_: None
    settings, data, folder = sys.argv[1:]
    config = checked(TowersConfig, json.loads(settings), "test")
    run.train_towers(config, Path(data), Path(folder))
"""
SETTINGS: dict[str, Any] = {
    "data": {"contours_from": 1, "thick_from": 2},
    "drawing": {"size": 32},
    "network": {"general": 4},
    "schedule": {"steps": 24, "small_steps": 6, "batch": 4, "small_size": 32, "warm_steps": 1},
    "photos": {"size": 32, "probe_steps": 3},
    "budget": {"checkpoint_every": 5, "validate_every": 8},
    "device": {"processes": 2, "threads": 1, "read_every": 1},
}


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    """Two classes of noise; every fourth photo and its sketch are for validation."""
    rng = np.random.default_rng(1)
    rows = ["path,split"]
    for class_name in ("cat", "dog"):
        for index in range(12):
            for modality, name in (("photo", f"p_{index}"), ("sketch", f"p_{index}-1")):
                path = tmp_path / "zoo" / modality / class_name / f"{name}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(rng.integers(0, 255, (32, 32, 3), np.uint8)).save(path)
                split = "train" if index % 4 else "val"
                rows.append(f"{modality}/{class_name}/{name}.png,{split}")
    (tmp_path / "zoo/splits.csv").write_text("\n".join(rows))
    return tmp_path / "zoo"


def start(zoo: Path, run: Path, config: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", RUN, str(config), str(zoo), str(run)])


def steps_done(run: Path) -> int:
    path = run / "losses.csv"
    return len(path.read_text().splitlines()) - 1 if path.exists() else 0


def test_a_killed_run_goes_on_to_the_same_losses(zoo: Path, tmp_path: Path) -> None:
    """Killed between checkpoints and started again, the run computes equal losses, bit by bit."""
    config = tmp_path / "config.toml"
    config.write_text(CONFIG)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert start(zoo, whole, config).wait(timeout=LONG) == 0
    process = start(zoo, killed, config)
    deadline = time.monotonic() + LONG
    while steps_done(killed) < 8 and process.poll() is None:
        assert time.monotonic() < deadline, "the run made no progress"
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=60)
    assert not (killed / "result.json").exists(), "the run ended before it was killed"
    assert start(zoo, killed, config).wait(timeout=LONG) == 0
    for name in ("losses.csv", "validation.csv"):
        assert (killed / name).read_text() == (whole / name).read_text()
    assert (killed / "result.json").exists()


@pytest.fixture
def shapes(tmp_path: Path) -> Path:
    """Drawn shapes of two classes, for the towers' recipe: `zoo/` with splits.csv."""
    rng = np.random.default_rng(2)
    rows = ["path,split"]
    for class_name, shape in (("ant", "ellipse"), ("bee", "rectangle")):
        for index in range(8):
            low, high = int(rng.integers(6, 20)), int(rng.integers(40, 60))
            for modality, ground in (("photo", "green"), ("sketch", "white")):
                image = Image.new("RGB", (64, 64), ground)
                getattr(ImageDraw.Draw(image), shape)((low, low, high, high), outline="black")
                path = tmp_path / "data/zoo" / modality / class_name / f"{index}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                image.save(path)
                split = "train" if index % 4 else "val"
                rows.append(f"{modality}/{class_name}/{index}.png,{split}")
    (tmp_path / "data/zoo/splits.csv").write_text("\n".join(rows))
    return tmp_path / "data"


def start_towers(data: Path, run: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", TOWERS, json.dumps(SETTINGS), str(data), str(run)]
    )


def test_a_killed_run_of_two_processes_goes_on_to_the_same_losses(
    shapes: Path, tmp_path: Path
) -> None:
    """The other process ends with the killed one; two new ones compute equal losses and weights."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert start_towers(shapes, whole).wait(timeout=LONG) == 0
    process = start_towers(shapes, killed)
    checkpoint = killed / "checkpoint.pt"
    deadline = time.monotonic() + LONG
    while not checkpoint.exists() and process.poll() is None:
        assert time.monotonic() < deadline, "the run made no progress"
        time.sleep(0.005)
    others = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=60)
    assert others, "the run was no run of two processes"
    assert not psutil.wait_procs(others, timeout=60)[1], "a process outlived its leader"
    assert not (killed / "result.json").exists(), "the run ended before it was killed"
    assert start_towers(shapes, killed).wait(timeout=LONG) == 0
    for name in ("losses.csv", "validation.csv"):
        assert (killed / name).read_text() == (whole / name).read_text()
    weights = [load_file(run / "network.safetensors") for run in (whole, killed)]
    for name, value in weights[0].items():
        assert torch.equal(value, weights[1][name]), name
