"""A graph, as far as it must be understood to become a tower: its ends, and their names."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper

from sketchzoo.model_error import ModelError

Dimension = int | str
"""A size, or the name of one that is not fixed."""


@dataclass(frozen=True, slots=True)
class Value:
    """An input or an output: its name, type and shape, None where the graph does not say it."""

    name: str
    dtype: int
    shape: tuple[Dimension, ...] | None

    def __str__(self) -> str:
        shape = "of any shape" if self.shape is None else f"[{', '.join(map(str, self.shape))}]"
        return f"{self.name} {shape}"

    @property
    def rank(self) -> int | None:
        """How many dimensions it has."""
        return None if self.shape is None else len(self.shape)


def read(path: Path) -> ModelProto:
    """Read a graph without the weights that lie beside it.

    Raises:
        ModelError: it is missing or no ONNX model.

    """
    try:
        model = onnx.load(path, format="protobuf", load_external_data=False)
    except FileNotFoundError as error:
        raise ModelError(f"{path} is missing") from error
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}") from error
    except (DecodeError, ValueError) as error:
        raise ModelError(f"{path} is no ONNX model") from error
    if not model.graph.output or not model.graph.node:
        raise ModelError(f"{path} is no ONNX model: it computes nothing")
    return model


def outputs(model: ModelProto) -> list[Value]:
    """Return a graph's outputs; shapes that it does not state are inferred where that goes."""
    found = [_value(each) for each in model.graph.output]
    if any(each.shape is None for each in found):
        with suppress(onnx.shape_inference.InferenceError):
            inferred = onnx.shape_inference.infer_shapes(model)
            found = [_value(each) for each in inferred.graph.output]
    return found


def inputs(model: ModelProto) -> list[Value]:
    """Return what a graph takes: weights may be listed as inputs, and are none."""
    weights = {tensor.name for tensor in model.graph.initializer}
    return [_value(each) for each in model.graph.input if each.name not in weights]


def keep_output(model: ModelProto, output: str) -> None:
    """Cut a graph down to what one output needs: of nodes, weights and inputs.

    What exporters leave of themselves, call stacks and paths, goes as well.
    """
    graph = model.graph
    made_by = {name: node for node in graph.node for name in node.output if name}
    needed: set[str] = set()
    wanted = [output]
    while wanted:
        name = wanted.pop()
        if name not in needed:
            needed.add(name)
            if name in made_by:
                wanted.extend(_used(made_by[name]))
    _keep(graph.node, lambda node: bool(needed.intersection(node.output)))
    for values in (graph.initializer, graph.input, graph.sparse_initializer):
        _keep(values, lambda each: _name(each) in needed)
    _keep(graph.output, lambda each: each.name == output)
    del graph.value_info[:]
    del model.metadata_props[:]
    model.doc_string = graph.doc_string = ""
    for node in _nodes(graph):
        node.doc_string = ""
        del node.metadata_props[:]


def rename(model: ModelProto, names: Mapping[str, str], free: Iterable[str] = ()) -> None:
    """Give values other names; who has one of these, or of those to be free, gives it up."""
    graph = model.graph
    taken = {name for node in _nodes(graph) for name in (*node.input, *node.output)}
    taken |= {_name(each) for inner in _graphs(graph) for each in _named(inner)}
    names = dict(names)
    for name in {*names.values(), *free}:
        if name in taken and name not in names:
            number = 0
            while f"{name}.{number}" in taken:
                number += 1
            names[name] = f"{name}.{number}"
    for node in _nodes(graph):
        node.input[:] = [names.get(each, each) for each in node.input]
        node.output[:] = [names.get(each, each) for each in node.output]
    for inner in _graphs(graph):
        for each in _named(inner):
            each.name = names.get(each.name, each.name)


def put_before(model: ModelProto, nodes: Iterable[NodeProto]) -> None:
    """Put nodes before all others."""
    for node in reversed(list(nodes)):
        model.graph.node.insert(0, node)


def set_input(model: ModelProto, name: str, dtype: int, shape: tuple[Dimension, ...]) -> None:
    """State one input's type and shape anew; it comes last."""
    drop_input(model, name)
    model.graph.input.append(helper.make_tensor_value_info(name, dtype, shape))


def drop_input(model: ModelProto, name: str) -> None:
    """Take an input away: a node makes the value now."""
    _keep(model.graph.input, lambda each: each.name != name)


def set_output(model: ModelProto, name: str, shape: tuple[Dimension, ...]) -> None:
    """Make a float32 value the only output."""
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))


def write(model: ModelProto, path: Path) -> None:
    """Write a graph; the same one comes to the same bytes."""
    path.write_bytes(model.SerializeToString(deterministic=True))


def type_name(dtype: int) -> str:
    """Return a type as people write it, `float16` for instance."""
    if dtype not in TensorProto.DataType.values():
        return f"values of an unknown type, {dtype}"
    name: str = TensorProto.DataType.Name(dtype)
    return {"FLOAT": "float32", "DOUBLE": "float64"}.get(name, name.lower())


def _value(info: ValueInfoProto) -> Value:
    kind = info.type.tensor_type
    if not kind.HasField("shape"):
        return Value(info.name, kind.elem_type, None)
    shape = tuple(
        each.dim_value if each.HasField("dim_value") else each.dim_param or "?"
        for each in kind.shape.dim
    )
    return Value(info.name, kind.elem_type, shape)


def _keep(values: Any, wanted: Callable[[Any], bool]) -> None:
    for place in reversed(range(len(values))):
        if not wanted(values[place]):
            del values[place]


def _name(each: Any) -> str:
    name: str = each.values.name if isinstance(each, onnx.SparseTensorProto) else each.name
    return name


def _graphs(graph: GraphProto) -> Iterator[GraphProto]:
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            inner = [attribute.g] if attribute.HasField("g") else []
            for each in (*inner, *attribute.graphs):
                yield from _graphs(each)


def _nodes(graph: GraphProto) -> Iterator[NodeProto]:
    for each in _graphs(graph):
        yield from each.node


def _named(graph: GraphProto) -> Iterator[Any]:
    for values in (graph.input, graph.output, graph.initializer, graph.value_info):
        yield from values


def _used(node: NodeProto) -> Iterator[str]:
    """Yield the values that a node takes, in the graphs inside of it too."""
    yield from node.input
    for attribute in node.attribute:
        inner = [attribute.g] if attribute.HasField("g") else []
        for each in (*inner, *attribute.graphs):
            for below in _nodes(each):
                yield from below.input
            for out in each.output:
                yield out.name
