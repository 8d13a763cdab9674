"""A graph's weights: taken out of it, wherever they lie, and written once as safetensors.

Of weights that lie beside their graph no more than a piece is held at a time: such models may be
larger than memory, and than the 2 GB that a protobuf message can be.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path, PurePath
from typing import BinaryIO

from onnx import GraphProto, ModelProto, TensorProto, numpy_helper
from onnx.external_data_helper import set_external_data

from sketchzoo.model_error import ModelError

SMALLEST = 1024
"""Tensors of fewer bytes (shapes, limits, axes) stay in the graph: shapes follow from them."""
_ALIGNED = 64
_PIECE = 1 << 20
# By safetensors' name and width. What else ONNX knows (4 bits, strings) stays in the graph.
_DTYPES: dict[int, tuple[str, int]] = {
    TensorProto.FLOAT: ("F32", 4),
    TensorProto.FLOAT16: ("F16", 2),
    TensorProto.BFLOAT16: ("BF16", 2),
    TensorProto.DOUBLE: ("F64", 8),
    TensorProto.INT64: ("I64", 8),
    TensorProto.INT32: ("I32", 4),
    TensorProto.INT16: ("I16", 2),
    TensorProto.INT8: ("I8", 1),
    TensorProto.UINT64: ("U64", 8),
    TensorProto.UINT32: ("U32", 4),
    TensorProto.UINT16: ("U16", 2),
    TensorProto.UINT8: ("U8", 1),
    TensorProto.BOOL: ("BOOL", 1),
}
_VALUES = ("raw_data", "float_data", "int32_data", "int64_data", "double_data", "uint64_data")


@dataclass(frozen=True, slots=True)
class _Slice:
    """Bytes of a file."""

    path: Path
    offset: int
    length: int

    def pieces(self) -> Iterator[bytes]:
        """Yield them in order."""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            left = self.length
            while left:
                piece = file.read(min(left, _PIECE))
                if not piece:
                    raise ModelError(f"{self.path} became shorter while it was read")
                left -= len(piece)
                yield piece


@dataclass(frozen=True, slots=True)
class _Inside:
    """Bytes that the graph itself had."""

    content: bytes

    def pieces(self) -> Iterator[bytes]:
        """Yield them at once."""
        yield self.content


class Weights:
    """The values of a graph's large tensors, kept while other things are done to the graph."""

    def __init__(self, model: ModelProto, path: Path) -> None:
        """Take the values out of `model`, which was read from `path` without what lies beside.

        Raises:
            ModelError: values that lie beside the graph are missing, cut off or elsewhere.

        """
        self._sources: dict[str, _Slice | _Inside] = {}
        for tensor, is_weight in _tensors(model.graph):
            is_large = tensor.data_type in _DTYPES and _size(tensor) >= SMALLEST
            if tensor.data_location == TensorProto.EXTERNAL:
                lies = _beside(tensor, path)
                if is_large:
                    self._take(tensor, lies)
                else:
                    _return(tensor, b"".join(lies.pieces()))
            elif is_weight and is_large:
                self._take(tensor, _Inside(_content(tensor, path)))

    def write(self, model: ModelProto, path: Path) -> None:
        """Write those that `model` still has into `path`, and say in `model` where they lie."""
        kept = [tensor for tensor, _ in _tensors(model.graph) if tensor.external_data]
        # The widest first, as safetensors has it: each begins at a multiple of its width.
        kept.sort(key=lambda tensor: (-_DTYPES[tensor.data_type][1], tensor.name))
        header: dict[str, object] = {"__metadata__": {"format": "onnx"}}
        end = 0
        for tensor in kept:
            begin, end = end, end + _size(tensor)
            name = tensor.name if tensor.name and tensor.name not in header else _key(tensor)
            header[name] = {
                "dtype": _DTYPES[tensor.data_type][0],
                "shape": list(tensor.dims),
                "data_offsets": [begin, end],
            }
        text = json.dumps(header).encode()
        text += b" " * (-(8 + len(text)) % _ALIGNED)
        with path.open("wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            for tensor in kept:
                self._copy(tensor, file)

    def _copy(self, tensor: TensorProto, file: BinaryIO) -> None:
        begin = file.tell()
        file.writelines(self._sources[_key(tensor)].pieces())
        name = PurePath(file.name).name
        tensor.raw_data = b""  # which set_external_data wants there
        set_external_data(tensor, name, offset=begin, length=file.tell() - begin)
        tensor.ClearField("raw_data")

    def _take(self, tensor: TensorProto, source: _Slice | _Inside) -> None:
        key = f"weight.{len(self._sources)}"
        self._sources[key] = source
        for values in _VALUES:
            tensor.ClearField(values)
        tensor.data_location = TensorProto.EXTERNAL
        del tensor.external_data[:]
        tensor.external_data.add(key="location", value=key)


def _return(tensor: TensorProto, content: bytes) -> None:
    tensor.raw_data = content
    tensor.data_location = TensorProto.DEFAULT
    del tensor.external_data[:]


def _key(tensor: TensorProto) -> str:
    return tensor.external_data[0].value


def _size(tensor: TensorProto) -> int:
    return prod(tensor.dims) * _DTYPES[tensor.data_type][1]


def _tensors(graph: GraphProto) -> Iterator[tuple[TensorProto, bool]]:
    """Yield a graph's tensors, those of the graphs in it too, each with whether it is a weight."""
    for tensor in graph.initializer:
        yield tensor, True
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t, False
            for tensor in attribute.tensors:
                yield tensor, False
            inner = [attribute.g] if attribute.HasField("g") else []
            for each in (*inner, *attribute.graphs):
                yield from _tensors(each)


def _content(tensor: TensorProto, path: Path) -> bytes:
    """Return the values of a tensor that are in the graph."""
    try:
        content: bytes = tensor.raw_data or numpy_helper.to_array(tensor).tobytes()
    except ValueError:
        content = b""
    if len(content) != _size(tensor):
        raise ModelError(f"{path}: {tensor.name} has not as many values as its shape says")
    return content


def _beside(tensor: TensorProto, path: Path) -> _Slice:
    """Return where the values of a tensor lie that are not in the graph."""
    said = {entry.key: entry.value for entry in tensor.external_data}
    location = PurePath(said.get("location", ""))
    if not location.name or location.is_absolute() or ".." in location.parts:
        raise ModelError(f"{path} has weights in {location}; they must lie in its own folder")
    file = path.parent / location
    try:
        there = file.stat().st_size
    except (OSError, ValueError) as error:  # a name that no file can have
        raise ModelError(f"{path} needs its weights beside it: {file} is missing") from error
    try:
        offset = int(said.get("offset", 0))
        length = int(said.get("length", there - offset))
    except ValueError:
        offset = length = -1
    if offset < 0 or length < 0:
        raise ModelError(f"{path}: where {tensor.name} lies in {file} is no place in a file")
    if tensor.data_type in _DTYPES and length != _size(tensor):
        raise ModelError(f"{path}: {tensor.name} has {_size(tensor)} bytes, not {length}")
    if offset + length > there:
        raise ModelError(f"{file} is cut off: {path} has weights behind its end")
    return _Slice(file, offset, length)
