"""A training run killed with SIGKILL goes on to the very losses of an unharmed one."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

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
"""
RUN = """
import sys
from pathlib import Path
from training.config import parse_config, read_toml
from training.trainer import train
config, zoo, run = map(Path, sys.argv[1:])
train(parse_config(read_toml(config), "test"), zoo, run)
"""


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
    assert start(zoo, whole, config).wait(timeout=120) == 0
    process = start(zoo, killed, config)
    deadline = time.monotonic() + 100
    while steps_done(killed) < 8 and process.poll() is None:
        assert time.monotonic() < deadline, "the run made no progress"
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=10)
    assert not (killed / "result.json").exists(), "the run ended before it was killed"
    assert start(zoo, killed, config).wait(timeout=120) == 0
    for name in ("losses.csv", "validation.csv"):
        assert (killed / name).read_text() == (whole / name).read_text()
    assert (killed / "result.json").exists()
