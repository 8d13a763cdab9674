"""ONNX files as exporters write them, and a small tokenizer; nothing here is trained."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers, processors

SIZE = 32
GRID = 4
DIMENSION = 24
WORDS = ("<start>", "<end>", "<unk>", "a", "cat", "dog", "drawing", "of")


def image_encoder(
    path: Path,
    *,
    shape: Sequence[Any] = ("batch_size", "num_channels", "height", "width"),
    dtype: int = TensorProto.FLOAT,
    outputs: Sequence[str] = ("image_embeds",),
    inner: str = "grid",
    unit: bool = False,
    listed_weights: bool = False,
    dimension: int = DIMENSION,
    seed: int = 0,
    scale: float = 1.0,
) -> Path:
    """Write an encoder that averages a 4x4 grid of `pixel_values` and projects it.

    Its outputs are any of image_embeds (n, d), last_hidden_state (n, 16, d), which are each
    cell's projection, and maps (n, d, 4, 4). A shape that ends in 3 channels is channels last.
    """
    random = np.random.default_rng(seed)
    kind = helper.tensor_dtype_to_np_dtype(dtype)
    channels = 3
    weights = {
        "projection": scale * random.standard_normal((channels * GRID * GRID, dimension)),
        "cells": scale * random.standard_normal((channels, dimension)),
    }
    cell = SIZE // GRID
    nodes = []
    pixels = "pixel_values"
    if shape[-1] == channels:
        nodes.append(helper.make_node("Transpose", [pixels], ["first"], perm=[0, 3, 1, 2]))
        pixels = "first"
    nodes += [
        helper.make_node(
            "AveragePool", [pixels], [inner], kernel_shape=[cell, cell], strides=[cell, cell]
        ),
        helper.make_node("Flatten", [inner], ["flat"]),
        helper.make_node("MatMul", ["flat", "projection"], ["projected"]),
        # Each cell knows of the whole, as a transformer's tokens do.
        helper.make_node("GlobalAveragePool", [inner], ["whole"]),
        helper.make_node("Add", [inner, "whole"], ["aware"]),
        helper.make_node("Transpose", ["aware"], ["rows"], perm=[0, 2, 3, 1]),
        helper.make_node("MatMul", ["rows", "cells"], ["cells_out"]),
        helper.make_node("Transpose", ["cells_out"], ["maps"], perm=[0, 3, 1, 2]),
        helper.make_node("Reshape", ["cells_out", "tokens"], ["last_hidden_state"]),
        helper.make_node("LpNormalization", ["projected"], ["unit"], axis=1, p=2),
        helper.make_node("Identity", ["unit" if unit else "projected"], ["image_embeds"]),
        helper.make_node("Identity", ["projected"], ["pooler_output"]),
        helper.make_node("Identity", ["projected"], ["other"]),
    ]
    shapes = {
        "image_embeds": ["batch_size", dimension],
        "pooler_output": ["batch_size", dimension],
        "other": ["batch_size", dimension],
        "last_hidden_state": ["batch_size", GRID * GRID, dimension],
        "maps": ["batch_size", dimension, GRID, GRID],
    }
    constants = [numpy_helper.from_array(v.astype(kind), k) for k, v in weights.items()]
    tokens = np.array([0, GRID * GRID, dimension], np.int64)
    inputs = [helper.make_tensor_value_info("pixel_values", dtype, shape)]
    if listed_weights:
        inputs += [helper.make_tensor_value_info(c.name, dtype, c.dims) for c in constants]
    graph = helper.make_graph(
        nodes,
        "encoder",
        inputs,
        [helper.make_tensor_value_info(name, dtype, shapes[name]) for name in outputs],
        [*constants, numpy_helper.from_array(tokens, "tokens")],
    )
    onnx.save(_model(graph), path)
    return path


def fixed_batch(path: Path, batch: int = 1) -> Path:
    """Write an encoder whose batch an exporter has fixed within: a Reshape to so many rows."""
    values = 3 * SIZE * SIZE
    matrix = np.random.default_rng(0).standard_normal((values, 8)).astype(np.float32)
    nodes = [
        helper.make_node("Reshape", ["pixel_values", "rows"], ["flat"]),
        helper.make_node("MatMul", ["flat", "matrix"], ["embedding"]),
    ]
    shape = [batch, 3, SIZE, SIZE]
    graph = helper.make_graph(
        nodes,
        "fixed",
        [helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [batch, 8])],
        [
            numpy_helper.from_array(matrix, "matrix"),
            numpy_helper.from_array(np.array([batch, values], np.int64), "rows"),
        ],
    )
    onnx.save(_model(graph), path)
    return path


def text_nodes(
    dimension: int, *, mask: bool, words: int = len(WORDS)
) -> tuple[list[Any], list[Any]]:
    """Return nodes and weights of a text encoder: the mean of its words' vectors."""
    random = np.random.default_rng(1)
    table = random.standard_normal((words, dimension)).astype(np.float32)
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["words"], axis=0)]
    shown = "words"
    if mask:
        nodes += [
            helper.make_node("Cast", ["attention_mask"], ["weight"], to=TensorProto.FLOAT),
            helper.make_node("Unsqueeze", ["weight", "last"], ["column"]),
            helper.make_node("Mul", ["words", "column"], ["masked"]),
        ]
        shown = "masked"
    nodes += [
        helper.make_node("Transpose", [shown], ["turned.text"], perm=[0, 2, 1]),
        helper.make_node("GlobalAveragePool", ["turned.text"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["text_embeds"]),
    ]
    last = numpy_helper.from_array(np.array([2], np.int64), "last")
    return nodes, [numpy_helper.from_array(table, "table"), last]


def text_encoder(
    path: Path,
    *,
    dimension: int = DIMENSION,
    dtype: int = TensorProto.INT64,
    mask: bool = True,
    context: Any = "sequence_length",
    words: int = len(WORDS),
) -> Path:
    """Write a text encoder of `input_ids`, and `attention_mask` where it takes one."""
    nodes, weights = text_nodes(dimension, mask=mask, words=words)
    names = ["input_ids", *(["attention_mask"] if mask else [])]
    shape = ["batch_size", context]
    graph = helper.make_graph(
        nodes,
        "text",
        [helper.make_tensor_value_info(name, dtype, shape) for name in names],
        [helper.make_tensor_value_info("text_embeds", TensorProto.FLOAT, ["n", dimension])],
        weights,
    )
    onnx.save(_model(graph), path)
    return path


def both_encoders(path: Path) -> Path:
    """Write one file of both, as `optimum-cli export onnx` does of CLIP: logits among the rest."""
    images = onnx.load(image_encoder(path)).graph
    nodes, weights = text_nodes(DIMENSION, mask=True)
    renamed = [helper.make_node("Transpose", ["image_embeds"], ["across"], perm=[1, 0])]
    logits = helper.make_node("MatMul", ["text_embeds", "across"], ["logits_per_text"])
    tokens = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["text_batch", "sequence_length"])
        for name in ("input_ids", "attention_mask")
    ]
    outputs = {
        "logits_per_text": ["text_batch", "image_batch"],
        "text_embeds": ["text_batch", DIMENSION],
        "image_embeds": ["image_batch", DIMENSION],
    }
    graph = helper.make_graph(
        [*images.node, *nodes, *renamed, logits],
        "both",
        [*tokens, *images.input],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in outputs.items()
        ],
        [*images.initializer, *weights],
    )
    onnx.save(_model(graph), path)
    return path


def tokenizer(
    path: Path, *, context: int | None = None, padding: bool = False, ends: bool = True
) -> Path:
    """Write a tokenizer of a few words, which puts marks at a text's ends."""
    vocabulary = {word: number for number, word in enumerate(WORDS)}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))  # noqa: S106 - no password
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    if ends:
        made.post_processor = processors.TemplateProcessing(
            single="<start> $A <end>", special_tokens=[("<start>", 0), ("<end>", 1)]
        )
    if context:
        made.enable_truncation(context)
    if padding:
        made.enable_padding(pad_id=1, pad_token="<end>")  # noqa: S106 - no password
    made.save(str(path))
    return path


def beside(path: Path, weights: str = "weights.bin") -> Path:
    """Move a file's weights out of it, as exporters do with those over 2 GB."""
    model = onnx.load(path)
    onnx.save(model, path, save_as_external_data=True, location=weights, size_threshold=0)
    return path


def _model(graph: onnx.GraphProto) -> onnx.ModelProto:
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
