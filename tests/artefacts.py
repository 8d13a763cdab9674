"""Model artefacts, pictures and encoder processes for tests; nothing here is trained."""

import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import set_external_data
from PIL import Image, ImageDraw
from safetensors.numpy import save

from sketchzoo.fingerprint import fingerprint
from sketchzoo.images import Modality, Preprocessing
from sketchzoo.model import ModelArtefact
from sketchzoo.parts import Layout
from sketchzoo.tower_config import TowerConfig

COMMAND = (sys.executable, "-c", "from sketchzoo.cli import main; main()")
_GRID = 4
_WORK = 512


def picture(seed: int = 0, size: tuple[int, int] = (64, 48), form: str = "JPEG") -> bytes:
    """Draw an image file of soft random blobs; the same bytes for the same seed."""
    blobs = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(blobs).resize(size, Image.Resampling.BICUBIC).save(file, form)
    return file.getvalue()


def drawing(seed: int = 0) -> bytes:
    """Draw a sketch's file, lines on white; another one for each seed up to 100."""
    image = Image.new("L", (240, 96), 255)
    pen = ImageDraw.Draw(image)
    pen.ellipse((30, 20, 90 + seed, 70), outline=0, width=4)
    pen.line((40, 70, 40, 90), fill=0, width=4)
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def tiny_model(
    folder: Path,
    *,
    name: str = "tiny",
    dimension: int = 8,
    size: int = 32,
    seed: int = 0,
    shared: bool = False,
    work: int = 0,
    layout: Layout | None = None,
) -> ModelArtefact:
    """Write an artefact whose towers average a 4x4 grid and project it; for ONNX alone.

    With a `layout`, whose dimension it has then, each part has its share of the norm. `shared`
    gives both modalities one tower. `work` makes each run slow: so many products of 512x512
    matrices, some milliseconds each.
    """
    folder.mkdir(parents=True, exist_ok=True)
    parts = layout or Layout.whole(dimension)
    dimension = parts.dimension
    preprocessing = Preprocessing(size=size, fit="crop", mean=(0.5,) * 3, std=(0.5,) * 3)
    random = np.random.default_rng(seed)
    towers = {m: TowerConfig("model" if shared else m.value, preprocessing, {}) for m in Modality}
    for tower in {tower.name: tower for tower in towers.values()}.values():
        matrix = random.standard_normal((3 * _GRID * _GRID, dimension), dtype=np.float32)
        content = save({"projection": matrix})
        (folder / tower.safetensors).write_bytes(content)
        graph = _graph(matrix, size, work, parts)
        weights = graph.graph.initializer[0]
        start = len(content) - matrix.nbytes
        set_external_data(weights, tower.safetensors, offset=start, length=matrix.nbytes)
        weights.ClearField("raw_data")
        onnx.save(graph, folder / tower.onnx)
    artefact = ModelArtefact(
        folder=folder,
        name=name,
        dimension=dimension,
        towers=towers,
        fingerprint=fingerprint(folder, towers.values()),
        layout=parts,
        min_score=0.5,
    )
    artefact.save_config()
    return artefact


def torch_model(folder: Path, *, dimension: int = 8, size: int = 32) -> ModelArtefact:
    """Write an artefact of one untrained EfficientNet-Lite0; safetensors only."""
    import torch  # noqa: PLC0415 - takes seconds, and few tests need it
    from safetensors.torch import save_file  # noqa: PLC0415 - the same

    from sketchzoo.towers import build_tower  # noqa: PLC0415 - the same

    folder.mkdir(parents=True, exist_ok=True)
    description = {
        "backbone": "efficientnet_lite0",
        "head": {"kind": "study", "dimension": dimension, "normalise": True},
    }
    torch.manual_seed(0)
    preprocessing = Preprocessing(size=size, fit="crop", mean=(0.5,) * 3, std=(0.5,) * 3)
    tower = TowerConfig("model", preprocessing, description)
    save_file(build_tower(description).state_dict(), folder / tower.safetensors)
    artefact = ModelArtefact(
        folder=folder,
        name="torch-tiny",
        dimension=dimension,
        towers=dict.fromkeys(Modality, tower),
        fingerprint=fingerprint(folder, [tower]),
        layout=Layout.whole(dimension),
    )
    artefact.save_config()
    return artefact


@dataclass(slots=True)
class EncoderProcess:
    """A running `sketchzoo encoder`: where it listens, and what it has logged."""

    process: subprocess.Popen[bytes]
    port: int = 0
    metrics_port: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def target(self) -> str:
        """Its gRPC name."""
        return f"127.0.0.1:{self.port}"


@contextmanager
def encoder_process(
    model: Path | str,
    *,
    port: int = 0,
    command: Sequence[str] = COMMAND,
    folder: Path | None = None,
    **settings: Any,
) -> Iterator[EncoderProcess]:
    """Start `sketchzoo encoder` and wait until it serves; killed at the end if need be.

    `command` is `sketchzoo` where another than this checkout's is meant; it runs in `folder`.
    """
    values = {"model": model, "port": port, "metrics_port": 0, **settings}
    environment = {
        **os.environ,
        "SKETCHZOO_LOG_FORMAT": "json",
        **{f"SKETCHZOO_ENCODER_{key}".upper(): str(value) for key, value in values.items()},
    }
    process = subprocess.Popen(
        [*command, "encoder"],
        cwd=folder,
        env=environment,
        stderr=subprocess.PIPE,
    )
    running = EncoderProcess(process)
    ready = threading.Event()
    reader = threading.Thread(target=_read, args=(running, ready))
    reader.start()
    try:
        if not ready.wait(60) or not running.port:
            raise RuntimeError(f"the encoder did not come up: {running.events}")
        yield running
    finally:
        process.kill()
        process.wait()
        reader.join()


def _read(running: EncoderProcess, ready: threading.Event) -> None:
    stream = running.process.stderr
    if stream is None:
        raise RuntimeError("the encoder's stderr must be a pipe")
    for line in stream:
        try:
            event = json.loads(line)
        except ValueError:
            event = {"event": line.decode(errors="replace").strip()}
        event["at"] = time.monotonic()
        running.events.append(event)
        if event["event"] == "serving":
            running.port = event["port"]
            running.metrics_port = event["metrics_port"] or 0
            ready.set()
    stream.close()
    ready.set()


def _graph(matrix: np.ndarray[Any, Any], size: int, work: int, layout: Layout) -> onnx.ModelProto:
    cell = size // _GRID
    last = "worked" if work else "projected"
    names = [part.name for part in layout.parts]
    nodes = [
        helper.make_node(
            "AveragePool", ["images"], ["grid"], kernel_shape=[cell, cell], strides=[cell, cell]
        ),
        helper.make_node("Flatten", ["grid"], ["flat"]),
        helper.make_node("MatMul", ["flat", "projection"], ["projected"]),
    ]
    constants: dict[str, Any] = {"projection": matrix}
    if work:
        constants |= {
            "eye": np.eye(_WORK, dtype=np.float32),
            "axes": np.array([0, 1], np.int64),
            "little": np.float32(1e-12),
        }
        # Each product depends on the one before, and the last on the images: none can be folded.
        nodes += [
            helper.make_node("ReduceMean", ["projected", "axes"], ["mean"], keepdims=0),
            helper.make_node("Add", ["eye", "mean"], ["work0"]),
            *(
                helper.make_node("MatMul", [f"work{step}", "eye"], [f"work{step + 1}"])
                for step in range(work)
            ),
            helper.make_node("ReduceMean", [f"work{work}", "axes"], ["done"], keepdims=0),
            helper.make_node("Mul", ["done", "little"], ["nearly"]),
            helper.make_node("Add", ["projected", "nearly"], ["worked"]),
        ]
    if len(names) > 1:
        constants["sizes"] = np.array([part.size for part in layout.parts], np.int64)
        for part in layout.parts:
            constants[f"{part.name}_root"] = np.float32(part.weight**0.5)
        nodes.append(helper.make_node("Split", [last, "sizes"], names, axis=1))
        for name in names:
            nodes += [
                helper.make_node("LpNormalization", [name], [f"{name}_unit"], axis=1, p=2),
                helper.make_node("Mul", [f"{name}_unit", f"{name}_root"], [f"{name}_part"]),
            ]
        last, shares = "parts", [f"{name}_part" for name in names]
        nodes.append(helper.make_node("Concat", shares, [last], axis=1))
    nodes.append(helper.make_node("LpNormalization", [last], ["embedding"], axis=1, p=2))
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, size, size])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", matrix.shape[1]])],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
