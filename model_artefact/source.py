"""What becomes a tower: an ONNX file, and which of its values is the embedding."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from model_artefact.graph import Value, type_name
from sketchzoo.model_error import ModelError

Pool = Literal["cls", "mean"]
_FLAT, _TOKENS, _MAPS = 2, 3, 4
_FLOATS = {"float32", "float16", "bfloat16", "float64"}


@dataclass(frozen=True, slots=True)
class Source:
    """An exported graph; `output` and `pool` say which of its values is the embedding.

    `pool` makes one vector of those of many tokens: `cls` takes the first, `mean` the mean of all.
    The options that say so begin with `prefix`.
    """

    path: Path
    output: str | None = None
    pool: Pool | None = None
    prefix: str = ""

    def choose(self, found: Sequence[Value], preferred: Sequence[str]) -> Value:
        """Return the output that is the embedding, or what is pooled to it.

        Raises:
            ModelError: it is not there, not clear, or no floating-point values of images or texts.

        """
        value = self._chosen(found, preferred)
        kind = type_name(value.dtype)
        if kind not in _FLOATS:
            raise ModelError(f"{self.path}: {value} holds {kind}; an embedding is of float32")
        rank = value.rank
        if rank in (None, _FLAT):
            if self.pool is not None:
                raise ModelError(
                    f"{self.path}: {value} is one vector an image: leave {self._option('pool')} out"
                )
        elif rank == _MAPS and value.shape and value.shape[2:] == (1, 1):
            pass
        elif rank not in (_TOKENS, _MAPS):
            raise ModelError(
                f"{self.path}: {value} is no embedding, one vector an image: choose another "
                f"output by {self._option('output')}: {_listed(found)}"
            )
        elif self.pool is None or (rank == _MAPS and self.pool == "cls"):
            ways = "mean" if rank == _MAPS else "cls (the first token) or mean"
            others = [each for each in found if each.rank == _FLAT]
            raise ModelError(
                f"{self.path}: {value} is many vectors an image: choose {self._option('pool')} "
                f"{ways}"
                + (f", or another {self._option('output')}: {_listed(others)}" if others else "")
            )
        return value

    def _chosen(self, found: Sequence[Value], preferred: Sequence[str]) -> Value:
        by_name = {value.name: value for value in found}
        if self.output is not None:
            if self.output not in by_name:
                raise ModelError(
                    f"{self.path} has no output {self.output} for {self._option('output')}: it has "
                    f"{_listed(found)}"
                )
            return by_name[self.output]
        if self.pool is None:
            for name in preferred:
                if name in by_name:
                    return by_name[name]
            ranks: tuple[int, ...] = (_FLAT,)
        else:
            if "last_hidden_state" in by_name:
                return by_name["last_hidden_state"]
            ranks = (_TOKENS, _MAPS)
        fitting = [value for value in found if value.rank in ranks]
        if len(fitting) == 1:
            return fitting[0]
        if len(found) == 1:
            return found[0]
        raise ModelError(
            f"{self.path} has several outputs: choose one by {self._option('output')}: "
            f"{_listed(found)}"
        )

    def _option(self, name: str) -> str:
        return f"--{self.prefix}{name}"


def _listed(values: Sequence[Value]) -> str:
    return ", ".join(map(str, values))
