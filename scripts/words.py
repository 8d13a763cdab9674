"""Make text.onnx and vectors.npz of sketchzoo/words: the sentence model, and the phrases by it.

    .venv/bin/python scripts/words.py

To be run when phrases.toml has changed: phrases without a kept vector are embedded at each start.
The package's graph unpacks its whole table of words from 8 bits and answers a vector a token. Ours
unpacks the rows that a text needs, takes the mean of its tokens, and has norm 1: a text tower as
any. Weights of 8 bits are external data in the package's own file, at the places where they lie.
"""

import importlib.util
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, helper, numpy_helper

from sketchzoo.words.phrases import Phrases
from sketchzoo.words.sentences import KEPT, PACKAGE, SHA256, in_order, open_sentences

TARGET = Path(__file__).parent.parent / "sketchzoo" / "words" / "text.onnx"
_TABLE = "inner.embeddings.word_embeddings.weight"


def main() -> None:
    """Read the installed package and write the graph."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{PACKAGE} is not installed: install the extra words")
    path = Path(spec.origin).with_name("model.onnx")
    model = onnx.load(path)
    rows_alone(model)
    mean_of_tokens(model)
    onnx.checker.check_model(model)
    outside(model, path.read_bytes())
    TARGET.write_bytes(model.SerializeToString(deterministic=True))
    keep_vectors()
    for made in (TARGET, KEPT):
        print(f"{made.name}: {made.stat().st_size:,} bytes")


def keep_vectors() -> None:
    """Embed all phrases and write them down in half precision."""
    told = Phrases.read()
    phrases = sorted({*told.other, *(each for of in told.classes.values() for each in of)})
    vectors = in_order(open_sentences(), phrases).astype(np.float16)
    np.savez_compressed(KEPT, weights=np.array(SHA256), phrases=np.array(phrases), vectors=vectors)


def rows_alone(model: ModelProto) -> None:
    """Unpack the looked-up rows of the table instead of all of it."""
    nodes = model.graph.node
    by_output = {node.output[0]: node for node in nodes}
    unpacked = by_output[_TABLE]  # Mul of a Cast and the scale
    cast = by_output[unpacked.input[0]]
    (look_up,) = [node for node in nodes if node.op_type == "Gather" and node.input[0] == _TABLE]
    answer, table = look_up.output[0], cast.input[0]
    for node in nodes:  # it is called as our own answer is
        node.input[:] = ["rows" if name == answer else name for name in node.input]
    scale = unpacked.input[1]
    nodes.remove(unpacked)
    nodes.remove(cast)
    place = list(nodes).index(look_up)
    look_up.input[0], look_up.output[0] = table, "row"
    for node in (
        helper.make_node("Mul", ["wide", "row_scale"], ["rows"]),
        helper.make_node("Gather", [scale, "input_ids"], ["row_scale"]),
        helper.make_node("Cast", ["row"], ["wide"], to=TensorProto.FLOAT),
    ):
        nodes.insert(place + 1, node)


def mean_of_tokens(model: ModelProto) -> None:
    """Answer one vector of norm 1 a text, and take no kinds of tokens: there is one."""
    graph = model.graph
    hidden = graph.output[0].name
    axis = numpy_helper.from_array(np.array([1], np.int64), "tokens_axis")
    last = numpy_helper.from_array(np.array([2], np.int64), "values_axis")
    zero = numpy_helper.from_array(np.array(0, np.int64), "no_kind")
    graph.initializer.extend([axis, last, zero])
    graph.node.insert(0, helper.make_node("Mul", ["input_ids", "no_kind"], ["token_type_ids"]))
    graph.node.extend(
        [
            helper.make_node("Cast", ["attention_mask"], ["counted"], to=TensorProto.FLOAT),
            helper.make_node("Unsqueeze", ["counted", "values_axis"], ["weighed"]),
            helper.make_node("Mul", [hidden, "weighed"], ["kept"]),
            helper.make_node("ReduceSum", ["kept", "tokens_axis"], ["sum"], keepdims=0),
            helper.make_node("LpNormalization", ["sum"], ["embedding"], axis=1, p=2),
        ]
    )
    taken = [value for value in graph.input if value.name != "token_type_ids"]
    del graph.input[:], graph.output[:]
    graph.input.extend(taken)
    graph.output.append(helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", 384]))


def outside(model: ModelProto, content: bytes) -> None:
    """Leave weights of 8 bits where they are, in the package's file."""
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.INT8:
            continue
        raw = tensor.raw_data
        start = content.find(raw)
        if start < 0 or content.find(raw, start + 1) >= 0:
            raise SystemExit(f"{tensor.name} lies nowhere in the file, or twice")
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", "model.onnx"), ("offset", start), ("length", len(raw))):
            tensor.external_data.add(key=key, value=str(value))


if __name__ == "__main__":
    main()
