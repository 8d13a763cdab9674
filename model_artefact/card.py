"""What an imported model's folder says in words: its card, and its weights' terms."""

from pathlib import Path

from sketchzoo.images import Preprocessing
from sketchzoo.model import ModelArtefact
from sketchzoo.model_error import ModelError

UNSTATED = (
    "Who imported this model did not say under which terms its weights may be used: ask who made "
    "them."
)
_LONGEST = 1 << 20
_CARD = """# {name}

An encoder that others made, imported from ONNX. Its embeddings have {dimension} values, whose
cosine ranks photos for a sketch (or for another photo). Fingerprint `{fingerprint}`.

| | photo | sketch |
|---|---|---|
| file | {photo_source} | {sketch_source} |
| output | {photo_output} | {sketch_output} |
| L2 norm | {photo_norm} | {sketch_norm} |
| input | {photo_input} | {sketch_input} |
| mean, std | {photo_scale} | {sketch_scale} |

{text}

## Figures
None was measured on import: `sketchzoo evaluate --model DIR --gallery DIR --queries DIR` measures
P@12 on photos and sketches of your own, `sketchzoo model check DIR` what it promises,
`sketchzoo model calibrate DIR --photos DIR --sketches DIR` finds its `min_score`, which is {score}
as imported: no hit is left out.

## Terms
{licence}
"""


def licence_of(stated: str | None) -> str:
    """Return the text of LICENSE: a file's, where one is named, else what was said itself.

    Raises:
        ModelError: the file can't be read as text.

    """
    if not stated:
        return UNSTATED
    path = Path(stated)
    try:
        if not path.is_file():
            return stated
        if path.stat().st_size > _LONGEST:
            raise ModelError(f"{path} is too long for a licence")
        return path.read_text()
    except UnicodeDecodeError as error:
        raise ModelError(f"{path} is no text") from error
    except OSError as error:  # a text too long for a path
        if error.filename is None or len(stated) > 255:  # noqa: PLR2004 - a file name's length
            return stated
        raise


def card(artefact: ModelArtefact, licence: str) -> str:
    """Return the model card's text."""
    cells = {"licence": _brief(licence), "text": _text(artefact), "score": artefact.min_score}
    for modality, tower in artefact.towers.items():
        how, network = tower.preprocessing, tower.network
        pooled = f", pooled by {network['pool']}" if network["pool"] else ""
        cells |= {
            f"{modality}_source": network["source"],
            f"{modality}_output": f"{network['output']}{pooled}",
            f"{modality}_norm": network["norm"],
            f"{modality}_input": f"{how.size} px, {_fit(how)}",
            f"{modality}_scale": f"{_numbers(how.mean)}; {_numbers(how.std)}",
        }
    return _CARD.format(
        name=artefact.name,
        dimension=artefact.dimension,
        fingerprint=artefact.fingerprint,
        **cells,
    )


def _brief(licence: str) -> str:
    lines = licence.strip().splitlines()
    return lines[0] if len(lines) == 1 else "LICENSE in this folder has them in full."


def _text(artefact: ModelArtefact) -> str:
    text = artefact.text
    if text is None:
        return "It has no text tower."
    return (
        f"A text tower, {text.network['source']}, maps texts of up to {text.context} tokens into "
        "the same space."
    )


def _fit(how: Preprocessing) -> str:
    if how.fit == "ink":
        return f"cut out, redrawn with a pen of {how.pen} px on {how.keep:.0%} of the square"
    if how.fit == "crop":
        return f"the middle square, {how.keep:.0%} of the short side"
    return f"the whole picture on {how.keep:.0%} of the square, on white"


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)
