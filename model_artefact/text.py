"""A text tower: a graph of any exporter's, made to map a tokenizer's numbers to embeddings."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from onnx import ModelProto, TensorProto, helper

from model_artefact import graph
from model_artefact.graph import Value, type_name
from model_artefact.running import is_unit
from model_artefact.source import Source
from model_artefact.tokens import padding_by, stated_context, stated_padding
from model_artefact.weights import Weights
from sketchzoo.fingerprint import text_fingerprint
from sketchzoo.model_error import ModelError
from sketchzoo.text_config import TOKENIZER, TextConfig
from sketchzoo.text_tower import TEXTS, TextSession
from sketchzoo.tokenizer import Padding, Tokens, load

OUTPUTS = ("text_embeds", "pooler_output", "embedding", "embeddings")
"""What a text's embedding is called, in the order in which it is looked for."""
STEM = "text"
_IDS, _MASK = "input_ids", "attention_mask"
_INTEGERS = {"int64", "int32"}
_FREE = (_IDS, _MASK, "ids", "mask", "answer", "wide", "embedding")


@dataclass(frozen=True, slots=True)
class TextSource:
    """A text tower's files; `context` and `pad_token` where these don't state them."""

    source: Source
    tokenizer: Path
    context: int | None = None
    pad_token: str | None = None


def adopt_text(text: TextSource, folder: Path, dimension: int) -> TextConfig:
    """Write a text tower's graph, weights and tokenizer into `folder`.

    Raises:
        ModelError: it is no text encoder's graph, does not fit the tokenizer or the photos'
            `dimension`, or does not run.

    """
    path = text.source.path
    model = graph.read(path)
    weights = Weights(model, path)
    output = text.source.choose(graph.outputs(model), OUTPUTS)
    if output.rank not in (None, 2):
        raise ModelError(f"{path}: {output} is many vectors a text: export it with its projection")
    graph.keep_output(model, output.name)
    named = _inputs(model, path)
    tokens = _tokens(text, named)
    _wire(model, named, output, tokens.context)
    weights.write(model, folder / f"{STEM}.safetensors")
    graph.set_output(model, "embedding", ("n", dimension))
    graph.write(model, folder / f"{STEM}.onnx")
    tokens.save(folder / TOKENIZER)

    inputs = tuple(named)
    vectors = _tried(folder / f"{STEM}.onnx", tokens, inputs, path)
    if vectors.shape[1] != dimension:
        raise ModelError(
            f"{path} answers {vectors.shape[1]} values to a text, and photos have {dimension}: "
            "both must be of one model"
        )
    has_norm = is_unit(vectors)
    if not has_norm:
        graph.rename(model, {"embedding": "answer"})
        model.graph.node.append(
            helper.make_node("LpNormalization", ["answer"], ["embedding"], axis=1, p=2)
        )
        graph.set_output(model, "embedding", ("n", dimension))
        graph.write(model, folder / f"{STEM}.onnx")
    files = (f"{STEM}.safetensors", f"{STEM}.onnx", TOKENIZER)
    return TextConfig(
        stem=STEM,
        context=tokens.context,
        inputs=inputs,
        eos=tokens.end,
        fingerprint=text_fingerprint(folder, files),
        network={
            "kind": "onnx",
            "source": path.name,
            "output": output.name,
            "norm": "of the graph" if has_norm else "added",
        },
    )


def _inputs(model: ModelProto, path: Path) -> dict[str, Value]:
    """Return the inputs by what a text tower calls them."""
    found = graph.inputs(model)
    listed = ", ".join(map(str, found)) or "none"
    masks = [value for value in found if "mask" in value.name]
    others = [value for value in found if value not in masks]
    if len(others) != 1 or len(masks) > 1:
        raise ModelError(
            f"{path}: the embedding needs the inputs {listed}; a text tower takes {_IDS}, and may "
            f"take {_MASK}"
        )
    for value in found:
        if type_name(value.dtype) not in _INTEGERS or value.rank != 2:  # noqa: PLR2004 - (n, tokens)
            raise ModelError(f"{path} takes {value}; a text tower takes int64 [n, tokens]")
    return {_IDS: others[0], **({_MASK: masks[0]} if masks else {})}


def _tokens(text: TextSource, inputs: dict[str, Value]) -> Tokens:
    tokenizer = load(text.tokenizer)
    ids = inputs[_IDS].shape
    fixed = ids[1] if ids and isinstance(ids[1], int) else None
    context = text.context or fixed or stated_context(tokenizer, text.tokenizer)
    if context is None:
        raise ModelError(
            f"{text.tokenizer} does not state how many tokens a text may have: give --context"
        )
    if fixed not in (None, context):
        raise ModelError(f"{text.source.path} takes {fixed} tokens, not --context {context}")
    if text.pad_token is not None:
        padding = padding_by(tokenizer, text.pad_token)
        if padding is None:
            raise ModelError(f"{text.tokenizer} has no token {text.pad_token!r} for --pad-token")
    else:
        padding = stated_padding(tokenizer, text.tokenizer)
    if padding is None and _MASK in inputs:  # which hides what fills up, whatever it is
        padding = Padding(tokenizer.id_to_token(0) or "", 0)
    if padding is None:
        raise ModelError(
            f"{text.tokenizer} does not state what fills up short texts, and {text.source.path} "
            f"takes no {_MASK}: give --pad-token"
        )
    return Tokens.fitted(tokenizer, context, padding)


def _wire(model: ModelProto, named: dict[str, Value], output: Value, context: int) -> None:
    """Make a graph take and answer what a text tower does."""
    inner = {_IDS: "ids", _MASK: "mask"}
    wide = {name: type_name(value.dtype) == "int64" for name, value in named.items()}
    names = {value.name: name if wide[name] else inner[name] for name, value in named.items()}
    graph.rename(model, {**names, output.name: "answer"}, _FREE)
    for name, value in named.items():
        graph.drop_input(model, names[value.name])
        graph.set_input(model, name, TensorProto.INT64, ("n", context))
        if not wide[name]:
            cast = helper.make_node("Cast", [name], [inner[name]], to=value.dtype)
            graph.put_before(model, [cast])
    answer = "answer"
    if output.dtype != TensorProto.FLOAT:
        model.graph.node.append(helper.make_node("Cast", [answer], ["wide"], to=TensorProto.FLOAT))
        answer = "wide"
    graph.rename(model, {answer: "embedding"})


def _tried(
    graph_file: Path, tokens: Tokens, inputs: tuple[str, ...], origin: Path
) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
    try:
        session = TextSession(graph_file, inputs)
        vectors = session.embed(tokens.of(TEXTS))
        last = np.full((1, tokens.context), tokens.largest, np.int64)
        session.embed({_IDS: last, _MASK: np.ones_like(last)})
    except ModelError as error:
        said = str(error).replace(str(graph_file), "it")
        raise ModelError(f"{origin} does not run with its tokenizer: {said}") from error
    if not np.isfinite(vectors).all() or not vectors.any(axis=1).all():
        raise ModelError(f"{origin} answers values that are not finite, or nothing but zeros")
    return vectors
