"""What a model artefact says of one of its towers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sketchzoo.images import Preprocessing


@dataclass(frozen=True, slots=True)
class TowerConfig:
    """How one network of a model is described: its files, architecture and preprocessing.

    `network` describes the architecture for `sketchzoo.towers`, for instance
    `{"backbone": "efficientnet_lite0", ...}`; of a tower that was imported as a graph it tells
    `{"kind": "onnx", ...}` and where that came from. Two towers of one network that prepare
    their images otherwise share its files by the same `stem`; it is the name where none is given.
    """

    name: str
    preprocessing: Preprocessing
    network: Mapping[str, Any]
    stem: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "stem", self.stem or self.name)
        for part in (self.name, self.stem):
            if not part.isidentifier():
                raise ValueError(f"a tower's name, and its files' stem, is a word, not {part!r}")

    @property
    def safetensors(self) -> str:
        """The name of the weights' file."""
        return f"{self.stem}.safetensors"

    @property
    def onnx(self) -> str:
        """The name of the graph's file."""
        return f"{self.stem}.onnx"

    @property
    def is_graph_alone(self) -> bool:
        """Tell whether nothing but its graph says what the tower computes: it was imported."""
        return self.network.get("kind") == "onnx"
