"""Export: towers as a model artefact of safetensors, ONNX graphs and configuration."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
import onnx_ir
import onnxscript.optimizer
import torch
from onnx.external_data_helper import set_external_data
from onnx_ir.passes import common as passes
from onnxscript.rewriter import rewrite
from onnxscript.rewriter.rules import common as rules
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional

from sketchzoo.fingerprint import fingerprint
from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact, RunRecord
from sketchzoo.onnx import open_session
from sketchzoo.parts import Layout
from sketchzoo.tower_config import TowerConfig
from sketchzoo.towers import TowerNetwork

PARITY = 0.9999
HALVED_FROM = 16_384
"""Tensors of so many values are stored in half precision (docs/adr/0066-each-weight-once.md)."""


class ParityError(RuntimeError):
    """The ONNX file and the torch network do not agree."""


def export_artefact(
    folder: Path,
    name: str,
    towers: Mapping[Modality, tuple[TowerConfig, TowerNetwork]],
    *,
    run: RunRecord,
    layout: Layout | None = None,
    classes: tuple[str, ...] = (),
    min_score: float = 0.0,
    seen_from: float | None = None,
    notes: Mapping[str, Any] | None = None,
) -> ModelArtefact:
    """Write an artefact into `folder`: each tower's weights and graph, and `config.json`.

    Towers of the same stem are one network and written once. `run` made the weights;
    without a `layout` an embedding is one part.

    Raises:
        ParityError: a graph's embeddings differ from torch's; there is no `config.json` then.

    """
    folder.mkdir(parents=True, exist_ok=True)
    dimensions = {
        tower.stem: write_tower(net, tower, folder)
        for tower, net in {tower.stem: (tower, net) for tower, net in towers.values()}.values()
    }
    described = {modality: tower for modality, (tower, _) in towers.items()}
    dimension = dimensions[described[Modality.PHOTO].stem]
    artefact = ModelArtefact(
        folder=folder,
        name=name,
        dimension=dimension,
        towers=described,
        fingerprint=fingerprint(folder, described.values()),
        layout=layout or Layout.whole(dimension),
        run=run,
        classes=classes,
        min_score=min_score,
        seen_from=seen_from,
        notes=notes or {},
    )
    artefact.save_config()
    return artefact


def write_tower(net: TowerNetwork, tower: TowerConfig, folder: Path) -> int:
    """Write one tower's weights and graph and check them; returns its embedding's length.

    The graph names the weights' file as its external data, so that each weight is stored
    once. Large tensors are stored in half precision, and computed with in float32, unless
    embeddings suffer.

    Raises:
        ParityError: the graph's embeddings differ from torch's.

    """
    net = net.eval()
    size = tower.preprocessing.size
    images = torch.rand(2, tower.preprocessing.channels, size, size) * 2 - 1
    any_count = {"images": {0: torch.export.Dim("n", min=1, max=4096)}}
    graph = onnx_of(net, images, "embedding", any_count)
    path = folder / tower.onnx
    worst = 0.0
    for halved_from in (HALVED_FROM, None):
        content = save(_stored(net, halved_from))
        (folder / tower.safetensors).write_bytes(content)
        onnx.save(_linked(graph, content, tower.safetensors), path)
        worst = parity(net, path, images)
        if worst >= PARITY:
            with torch.inference_mode():
                return int(net(images).shape[1])
    raise ParityError(f"{path} agrees with torch to cosine {worst:.6f}; {PARITY} is needed")


def onnx_of(
    net: nn.Module,
    images: Tensor,
    output: str,
    dynamic_shapes: Mapping[str, Any] | None = None,
) -> onnx.ModelProto:
    """Return a network as ONNX, from `images` to `output`; without `dynamic_shapes` for this shape.

    Its initializers are the network's weights by their names in the state dict, as they
    are: what joins or turns them (a batch-norm with its convolution) is ONNX Runtime's,
    which does so as it loads them.

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
        optimize=False,
    )
    if program is None:
        raise ParityError("the network could not be exported")
    weights = set(net.state_dict())

    def takes_no_weight(node: onnx_ir.Node) -> bool | None:
        return False if any(each and each.name in weights for each in node.inputs) else None

    model = program.model
    onnxscript.optimizer.inline(model)
    for _ in range(2):  # what was folded lets more be folded
        onnxscript.optimizer.fold_constants(
            model, onnx_shape_inference=True, should_fold=takes_no_weight
        )
        rewrite(model, [rules.remove_optional_bias_from_conv_rule])
        onnxscript.optimizer.remove_unused_nodes(model)
    onnx_ir.passes.Sequential(
        passes.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        passes.DeduplicateInitializersPass(),
        passes.CommonSubexpressionEliminationPass(),
        # The exporter notes each node's call stack: paths of the machine that trained.
        passes.ClearMetadataAndDocStringPass(),
    )(model)
    proto = program.model_proto
    del proto.graph.value_info[:]  # shapes that ONNX Runtime infers again
    return proto


def parity(net: nn.Module, path: Path, images: Tensor) -> float:
    """Return the smallest cosine between torch's and the ONNX file's embeddings; NaN is one."""
    (there,) = open_session(path).run(["embedding"], {"images": images.numpy()})
    with torch.inference_mode():
        return float(functional.cosine_similarity(net(images), torch.from_numpy(there)).min())


def _stored(net: nn.Module, halved_from: int | None) -> dict[str, Tensor]:
    """Return the weights as they are stored: in half precision from so many values on."""
    stored = {}
    for name, value in net.state_dict().items():
        halved = halved_from is not None and value.numel() >= halved_from
        dtype = torch.float16 if halved and value.dtype == torch.float32 else value.dtype
        stored[name] = value.to(dtype).clone(memory_format=torch.contiguous_format)
    return stored


def _linked(graph: onnx.ModelProto, content: bytes, location: str) -> onnx.ModelProto:
    """Return a graph whose weights lie in the safetensors file of that content.

    safetensors is 8 bytes of a header's length, the header in JSON, and raw tensors, as
    ONNX has its external data; what is stored in half precision is cast first.
    """
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    linked = onnx.ModelProto()
    linked.CopyFrom(graph)
    for tensor in linked.graph.initializer:
        if tensor.name not in header:  # a constant of the graph's own
            continue
        first, end = header[tensor.name]["data_offsets"]
        set_external_data(tensor, location, offset=start + first, length=end - first)
        tensor.ClearField("raw_data")
        if header[tensor.name]["dtype"] == "F16" and tensor.data_type == onnx.TensorProto.FLOAT:
            cast = onnx.helper.make_node(
                "Cast", [f"{tensor.name}.half"], [tensor.name], to=tensor.data_type
            )
            linked.graph.node.insert(0, cast)
            tensor.name, tensor.data_type = cast.input[0], onnx.TensorProto.FLOAT16
    return linked
