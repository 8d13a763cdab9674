"""Export: towers as a model artefact of ONNX, safetensors and configuration."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from safetensors.torch import save

from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact, TowerConfig, fingerprint
from sketchzoo.towers import TowerNetwork

PARITY = 0.9999


class ParityError(RuntimeError):
    """The ONNX file and the torch network do not agree."""


def export_artefact(
    folder: Path,
    name: str,
    towers: Mapping[Modality, tuple[TowerConfig, TowerNetwork]],
    *,
    classes: tuple[str, ...] = (),
    min_score: float = 0.0,
    notes: Mapping[str, Any] | None = None,
) -> ModelArtefact:
    """Write an artefact into `folder`: each tower's weights and `config.json`.

    Towers of the same name are written once. Each ONNX file is checked against its
    torch network on random images before anything else is written.

    Raises:
        ParityError: an ONNX file's embeddings differ from torch's.

    """
    folder.mkdir(parents=True, exist_ok=True)
    weights: dict[str, bytes] = {}
    preprocessing = {}
    dimension = 0
    for tower, net in towers.values():
        if tower.name in weights:
            continue
        net = net.eval().to(memory_format=torch.contiguous_format)  # noqa: PLW2901 - the same one
        path = folder / f"{tower.name}.onnx"
        dimension = write_onnx(net, tower, path)
        state = {k: v.contiguous() for k, v in net.state_dict().items()}
        weights[tower.name] = save(state)
        (folder / f"{tower.name}.safetensors").write_bytes(weights[tower.name])
        preprocessing[tower.name] = tower.preprocessing
    artefact = ModelArtefact(
        folder=folder,
        name=name,
        dimension=dimension,
        towers={modality: tower for modality, (tower, _) in towers.items()},
        fingerprint=fingerprint(weights, preprocessing),
        classes=classes,
        min_score=min_score,
        notes=notes or {},
    )
    artefact.save_config()
    return artefact


def write_onnx(net: TowerNetwork, tower: TowerConfig, path: Path) -> int:
    """Write one tower as ONNX and check it; returns its embedding's length.

    Raises:
        ParityError: the file's embeddings differ from torch's.

    """
    size = tower.preprocessing.size
    images = torch.rand(2, tower.preprocessing.channels, size, size) * 2 - 1
    any_count = {"images": {0: torch.export.Dim("n", min=1, max=4096)}}
    onnx.save(onnx_of(net, images, "embedding", any_count), path)
    worst = parity(net, path, images)
    if not worst >= PARITY:  # so that a cosine that is no number fails as well
        raise ParityError(f"{path} agrees with torch to cosine {worst:.6f}; {PARITY} is needed")
    with torch.inference_mode():
        return int(net(images).shape[1])


def onnx_of(
    net: torch.nn.Module,
    images: torch.Tensor,
    output: str,
    dynamic_shapes: Mapping[str, Any] | None = None,
) -> onnx.ModelProto:
    """Return a network as ONNX, from `images` to `output`; without `dynamic_shapes` for this shape.

    Raises:
        ParityError: torch cannot export it.

    """
    # The exporter's remarks about its own progress are no news to the caller.
    for name in ("torch.onnx", "onnx_ir", "onnxscript"):
        logging.getLogger(name).setLevel(logging.ERROR)
    program = torch.onnx.export(
        net,
        (images,),
        input_names=["images"],
        output_names=[output],
        dynamic_shapes=dict(dynamic_shapes) if dynamic_shapes else None,
        dynamo=True,
        verbose=False,
    )
    if program is None:
        raise ParityError("the network could not be exported")
    proto = program.model_proto
    # The exporter notes each node's call stack: paths of the machine that trained.
    del proto.metadata_props[:]
    del proto.graph.metadata_props[:]
    for node in proto.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for value in proto.graph.value_info:
        value.doc_string = ""
        del value.metadata_props[:]
    return proto


def parity(net: torch.nn.Module, path: Path, images: torch.Tensor) -> float:
    """Return the smallest cosine between torch's and the ONNX file's embeddings."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (there,) = session.run(["embedding"], {"images": images.numpy()})
    with torch.inference_mode():
        here = net(images).numpy()
    norms = np.linalg.norm(here, axis=1) * np.linalg.norm(there, axis=1)
    return float(((here * there).sum(1) / norms).min())
