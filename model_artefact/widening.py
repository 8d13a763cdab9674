"""Widening: a model's files with more classes in them, all else as it was.

Rows are put into both classifiers behind the shared classes, and the constants of the graphs that
say how many these are grow. The other weights stay as they are. A text tower knows nothing of the
new classes and answers in the old dimension: it is left behind.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, numpy_helper
from onnx.external_data_helper import set_external_data
from safetensors.numpy import load_file, save

from model_artefact import graph
from model_artefact.class_head import BIAS, WEIGHT, ClassHead, Floats, Rows
from model_artefact.features import FeatureSession
from sketchzoo.fingerprint import fingerprint
from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact
from sketchzoo.model_error import ModelError
from sketchzoo.parts import Layout
from sketchzoo.tower_config import TowerConfig

_TOLERANCE = 2e-3
"""What a class part may differ by from what its rows say: rows are stored in half precision."""


def widened(
    artefact: ModelArtefact, folder: Path, names: tuple[str, ...], rows: Mapping[Modality, Rows]
) -> ModelArtefact:
    """Write a model's files with `names` as classes more into `folder`, but for its papers.

    Raises:
        ModelError: its graphs are not of the form that training exports.

    """
    towers = {}
    for modality, tower in artefact.towers.items():
        head = ClassHead.of(artefact, modality)
        content = _weights(artefact.safetensors(modality), rows[modality], head.shared)
        model = graph.read(artefact.onnx(modality))
        _grow(model, head.shared, artefact.dimension, len(names))
        _link(model, content, tower.safetensors)
        (folder / tower.safetensors).write_bytes(content)
        graph.write(model, folder / tower.onnx)
        towers[modality] = _described(tower, len(names))
    made = replace(
        artefact,
        folder=folder,
        dimension=artefact.dimension + len(names),
        towers=towers,
        fingerprint=fingerprint(folder, towers.values()),
        layout=_layout(artefact.layout, len(names)),
        classes=(*artefact.classes, *(name for name in names if name not in artefact.classes)),
        run=None,
        text=None,  # it answers in the dimension of before
        notes={
            **artefact.notes,
            "shared_classes": [*artefact.notes["shared_classes"], *names],
        },
    )
    for modality in Modality:
        _try(artefact, made, modality, rows[modality])
    return made


def _weights(path: Path, more: Rows, place: int) -> bytes:
    values: dict[str, Any] = load_file(path)
    rows = Rows(values[WEIGHT], values[BIAS]).inserted(more, place)
    for name, grown in ((WEIGHT, rows.weight), (BIAS, rows.bias)):
        values[name] = np.ascontiguousarray(grown.astype(values[name].dtype))
    return save(values)


def _grow(model: ModelProto, shared: int, dimension: int, count: int) -> None:
    """Let the graph behind the classifier know of `count` classes more."""
    nodes = list(model.graph.node)
    made_by = {name: node for node in nodes for name in node.output}
    classifier = next((node for node in nodes if WEIGHT in node.input), None)
    if classifier is None:
        raise ModelError(f"the graph has no layer of {WEIGHT}")
    behind, reached = [], set(classifier.output)
    for node in nodes:  # in the order in which they run
        if reached.intersection(node.input):
            behind.append(node)
            reached.update(node.output)
    sizes = {shared: shared + count}
    lengths = {shared + 1: shared + 1 + count, dimension: dimension + count}
    for node in behind:
        if node.op_type == "Slice":
            _replaced(model, node, sizes)
        elif node.op_type == "Expand":  # a norm, made as wide as what is divided by it
            shape = made_by.get(node.input[1])
            if shape is not None:
                _replaced(model, shape, lengths)
    for tensor in model.graph.initializer:
        if tensor.name.removesuffix(".half") in (WEIGHT, BIAS):
            tensor.dims[0] += count
    model.graph.output[0].type.tensor_type.shape.dim[-1].dim_value = dimension + count


def _replaced(model: ModelProto, node: NodeProto, sizes: Mapping[int, int]) -> None:
    """Give a node other constants where it has these, and leave them to who else has them."""
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    for place, name in enumerate(node.input):
        tensor = constants.get(name)
        if tensor is None or tensor.data_type != TensorProto.INT64 or tensor.external_data:
            continue
        value = numpy_helper.to_array(tensor)
        if value.size != 1 or int(value.flat[0]) not in sizes:
            continue
        grown = f"{name}.grown"
        if grown not in constants:
            other = np.full(value.shape, sizes[int(value.flat[0])], np.int64)
            model.graph.initializer.append(numpy_helper.from_array(other, grown))
        node.input[place] = grown


def _link(model: ModelProto, content: bytes, location: str) -> None:
    """Say in the graph where its weights lie in a safetensors file of that content."""
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    for tensor in model.graph.initializer:
        if tensor.data_location != TensorProto.EXTERNAL:
            continue
        found = header.get(tensor.name) or header.get(tensor.name.removesuffix(".half"))
        if found is None:
            raise ModelError(f"the graph takes {tensor.name}, which {location} does not hold")
        first, end = found["data_offsets"]
        tensor.raw_data = b""  # which set_external_data wants there
        set_external_data(tensor, location, offset=start + first, length=end - first)
        tensor.ClearField("raw_data")


def _described(tower: TowerConfig, count: int) -> TowerConfig:
    head = dict(tower.network["head"])
    head["classes"] += count
    head["shared"] += count
    return replace(tower, network={**tower.network, "head": head})


def _layout(layout: Layout, count: int) -> Layout:
    named, *others = layout.parts
    return replace(layout, parts=(replace(named, size=named.size + count), *others))


def _try(before: ModelArtefact, after: ModelArtefact, modality: Modality, rows: Rows) -> None:
    """See that the new graph says of a picture what the rows say, and all else as before."""
    old, new = FeatureSession(before, modality), FeatureSession(after, modality)
    head, size = ClassHead.of(before, modality), after.layout.parts[0].size
    for image in old.pictures():
        features, embedding = old.run(image)
        _, grown = new.run(image)
        wanted = head.class_part(features[None], rows)[0]
        same = _agree(grown[:size], wanted) and _agree(
            grown[size:], embedding[size - len(rows.bias) :]
        )
        if len(grown) != after.dimension or not same:
            raise ModelError(
                f"the {modality} tower's graph is not of the form that training exports: with "
                "classes more it says something else of a picture"
            )


def _agree(some: Floats, others: Iterable[float]) -> bool:
    """Tell whether two vectors point the same way: parts are scaled together."""
    other = np.asarray(others, np.float32)
    return bool(np.abs(_unit(some) - _unit(other)).max() < _TOLERANCE)


def _unit(vector: Floats) -> Floats:
    unit: Floats = vector / max(float(np.linalg.norm(vector)), 1e-12)
    return unit
