"""An image tower: any exporter's graph, made to map images to embeddings of norm 1."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from model_artefact import graph
from model_artefact.graph import Dimension, Value, type_name
from model_artefact.pictures import pictures
from model_artefact.running import Session, agree, is_unit
from model_artefact.source import Source
from model_artefact.weights import Weights
from sketchzoo.images import Preprocessing, prepare
from sketchzoo.model_error import ModelError
from sketchzoo.text_tower import Vectors

OUTPUTS = ("image_embeds", "pooler_output", "embedding", "embeddings")
"""What an image's embedding is called, in the order in which it is looked for."""
_CASTABLE = {"float16", "bfloat16", "float64"}
_RANK = 4
_ANY = "n"
_CHANNELS = (1, 3)
_FREE = (
    *("images", "pixels", "turned", "turned.out", "answer", "wide", "averaged", "first", "flat"),
    "embedding",
)


@dataclass(frozen=True, slots=True)
class Pixels:
    """How pixels are scaled before a graph sees them, as its makers say.

    One mean and std for every channel, or one for each; `size` None is what the graph states.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    size: int | None = None

    def __post_init__(self) -> None:
        if len(self.mean) not in (1, 3) or len(self.mean) != len(self.std):
            raise ValueError("mean and std must both have 1 or 3 values, one a channel")


@dataclass(frozen=True, slots=True)
class Adopted:
    """A tower that was written: what it takes, how long its embeddings are, whence it comes."""

    preprocessing: Preprocessing
    dimension: int
    network: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Images:
    """A graph's input of images."""

    value: Value
    channels: int
    size: int
    is_channels_last: bool

    @property
    def is_plain(self) -> bool:
        """Tell whether it is what a tower takes as it is."""
        return self.value.dtype == TensorProto.FLOAT and not self.is_channels_last


def adopt(source: Source, pixels: Pixels, folder: Path, stem: str) -> Adopted:
    """Write a tower's graph and weights into `folder`, made of any graph that takes images.

    Its preprocessing is `crop`: how images become square is no matter of the graph's.

    Raises:
        ModelError: it is no image encoder's graph, or does not run.

    """
    model = graph.read(source.path)
    weights = Weights(model, source.path)
    output = source.choose(graph.outputs(model), OUTPUTS)
    graph.keep_output(model, output.name)
    images = _images(model, source.path, pixels)
    preprocessing = _preprocessing(images, pixels, source.path)
    entry = "images" if images.is_plain else "pixels"
    graph.rename(model, {images.value.name: entry, output.name: "answer"}, _FREE)
    graph.put_before(model, _before(images))
    graph.rename(model, {_one_vector(model, source, output): "embedding"})
    weights.write(model, folder / f"{stem}.safetensors")
    written = _Written(model, images, entry, folder / f"{stem}.onnx")
    batch, vectors = written.tried(preprocessing, source.path)
    dimension = int(vectors.shape[1])
    has_norm = is_unit(vectors)
    if not has_norm:
        graph.rename(model, {"embedding": "answer"})
        model.graph.node.append(
            helper.make_node("LpNormalization", ["answer"], ["embedding"], axis=1, p=2)
        )
    written.write(batch, dimension)
    network = {
        "kind": "onnx",
        "source": source.path.name,
        "output": output.name,
        "pool": source.pool,
        "norm": "of the graph" if has_norm else "added",
        "batch": "any" if batch == _ANY else batch,
    }
    return Adopted(preprocessing, dimension, network)


@dataclass(frozen=True, slots=True)
class _Written:
    """A tower's graph on its way to its file."""

    model: ModelProto
    images: _Images
    entry: str
    path: Path

    def write(self, batch: Dimension, dimension: Dimension) -> None:
        """Write the graph for batches of that size, `n` for any."""
        images = self.images
        shape = (batch, images.channels, images.size, images.size)
        graph.set_input(self.model, "images", TensorProto.FLOAT, shape)
        if self.entry != "images":
            graph.drop_input(self.model, self.entry)
        graph.set_output(self.model, "embedding", (batch, dimension))
        graph.write(self.model, self.path)

    def tried(self, preprocessing: Preprocessing, origin: Path) -> tuple[Dimension, Vectors]:
        """Write it for any batch where it runs so, else for one image; return what it answers.

        Raises:
            ModelError: it does not run, or its answers are no vectors or not finite.

        """
        seen = np.stack([prepare(each, preprocessing) for each in pictures()])
        self.write(_ANY, "dimension")
        try:
            session = Session(self.path)
            vectors = session.embed_each(seen)
            if agree(session.embed(seen), vectors):
                return _ANY, _sound(vectors, origin)
        except ModelError:  # some exporters fix the batch within
            pass
        self.write(1, "dimension")
        try:
            vectors = Session(self.path).embed_each(seen)
        except ModelError as error:
            said = " ".join(str(error).split()).replace(str(self.path), "it")
            raise ModelError(f"{origin} does not run: {said}") from error
        return 1, _sound(vectors, origin)


def _sound(vectors: Vectors, origin: Path) -> Vectors:
    if not np.isfinite(vectors).all():
        raise ModelError(f"{origin} answers values that are not finite")
    if not vectors.any(axis=1).all():
        raise ModelError(f"{origin} answers nothing but zeros")
    return vectors


def _images(model: ModelProto, path: Path, pixels: Pixels) -> _Images:
    """Return the one input, which must be of images."""
    found = graph.inputs(model)
    if len(found) != 1:
        listed = ", ".join(map(str, found)) or "none"
        raise ModelError(
            f"{path}: the embedding needs the inputs {listed}; a tower has one, of images"
        )
    (value,) = found
    if value.rank != _RANK or value.shape is None:
        raise ModelError(f"{path} takes {value}; a tower takes images [n, channels, height, width]")
    kind = type_name(value.dtype)
    if kind != "float32" and kind not in _CASTABLE:
        raise ModelError(
            f"{path} takes {kind} pixels, which it scales by itself: export it to take float32, "
            "scaled by --mean and --std"
        )
    is_last = value.shape[3] in _CHANNELS and value.shape[1] not in _CHANNELS
    _, *sides = value.shape
    channels = sides.pop(2 if is_last else 0)
    if isinstance(channels, str):
        channels = 3
    if channels not in _CHANNELS:
        raise ModelError(f"{path} takes {value}: images have 1 or 3 channels")
    fixed = {side for side in sides if isinstance(side, int)}
    size = fixed.pop() if len(fixed) == 1 else pixels.size
    if fixed or size is None:
        wrong = "are not square" if fixed else "have no fixed size: give --size"
        raise ModelError(f"{path} takes {value}: its images {wrong}")
    if pixels.size not in (None, size):
        raise ModelError(f"{path} takes images of {size} pixels, not of --size {pixels.size}")
    return _Images(value, channels, size, is_last)


def _preprocessing(images: _Images, pixels: Pixels, path: Path) -> Preprocessing:
    count = images.channels
    mean, std = (each * count if len(each) == 1 else each for each in (pixels.mean, pixels.std))
    if len(mean) != count:
        raise ModelError(f"{path} takes images of {count} channel: give --mean and --std one value")
    try:
        return Preprocessing(images.size, "crop", mean, std)
    except ValueError as error:
        raise ModelError(f"{path}: {error}") from error


def _before(images: _Images) -> list[NodeProto]:
    """Return what makes the graph's own pixels of a tower's images."""
    nodes, value = [], "images"
    if images.is_channels_last:
        into = "pixels" if images.value.dtype == TensorProto.FLOAT else "turned"
        nodes.append(helper.make_node("Transpose", [value], [into], perm=[0, 2, 3, 1]))
        value = into
    if images.value.dtype != TensorProto.FLOAT:
        nodes.append(helper.make_node("Cast", [value], ["pixels"], to=images.value.dtype))
    return nodes


def _one_vector(model: ModelProto, source: Source, output: Value) -> str:
    """Append what makes one float32 vector an image of the answer; return its name."""
    nodes, value = model.graph.node, "answer"
    if output.dtype != TensorProto.FLOAT:
        nodes.append(helper.make_node("Cast", [value], ["wide"], to=TensorProto.FLOAT))
        value = "wide"
    if output.rank in (None, 2):
        return value
    if source.pool == "cls":
        first = numpy_helper.from_array(np.array(0, np.int64), "first")
        model.graph.initializer.append(first)
        nodes.append(helper.make_node("Gather", [value, "first"], ["flat"], axis=1))
        return "flat"
    if output.rank != _RANK:  # tokens first, as what follows has channels first
        nodes.append(helper.make_node("Transpose", [value], ["turned.out"], perm=[0, 2, 1]))
        value = "turned.out"
    nodes.append(helper.make_node("GlobalAveragePool", [value], ["averaged"]))
    nodes.append(helper.make_node("Flatten", ["averaged"], ["flat"], axis=1))
    return "flat"
