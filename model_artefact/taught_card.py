"""The card of a model that someone taught classes of their own."""

from collections.abc import Mapping
from typing import Any

from sketchzoo.model import ModelArtefact

_CARD = """# {name}

{base} (fingerprint `{base_fingerprint}`) that learned {count} more: {classes}.
Embeddings have {dimension} values, {old} before. Fingerprint `{fingerprint}`: galleries are
ingested anew.

## What it learned from

| class | photos | drawings |
|---|---|---|
{rows}

{how}

Backbones, the rows of the classes that {base} knew, and the other parts of embeddings are the same
values as before. What an image was said to be is now shared out among more classes, so that old
ones can lose to new ones that look like them.{text}

## Figures
{figures}

{base}'s own figures, in its card below, were measured without the new classes. docs/finetune.md
has what such a model gains and loses on data that was kept apart. `sketchzoo evaluate --model DIR
--gallery DIR --queries DIR` measures yours.

`min_score` {min_score} is {base}'s: photos alone don't tell how drawings score.
`sketchzoo model calibrate DIR --photos DIR --sketches DIR` finds one. `seen_from` is
{seen_from}{was}.

## Settings
{settings}

## Terms
The weights are {base}'s but for the new rows: its terms hold{licence}. The pictures that the new
classes were learned from are yours to account for.
{before}"""

_NO_TEXT = """ {base}'s text tower answers in the dimension of before, and
was left behind: the extra words gives this model words that know its classes (docs/words.md)."""


def card(base: ModelArtefact, made: ModelArtefact, record: Mapping[str, Any]) -> str:
    """Return the model card's text; `record` says what was learned from what."""
    classes = record["classes"]
    file = base.folder / "MODEL_CARD.md"
    before = f"\n# The card of {base.name}\n\n{file.read_text()}" if file.is_file() else ""
    by_hand = sum(each["drawings"] for each in classes.values())
    drawn = (
        f"sketches were learned from {by_hand} drawings, and from where the photos lie."
        if by_hand
        else "nobody drew any sketch; they are named by where the photos lie."
    )
    count = record["left_out"]
    left = f" Left out: {count} {'file' if count == 1 else 'files'}." if count else ""
    told = "rows fitted" if record["by"] != "prototypes" else "prototypes, without training"
    return _CARD.format(
        name=made.name,
        base=base.name,
        base_fingerprint=base.fingerprint,
        count="class" if len(classes) == 1 else f"{len(classes)} classes",
        classes=", ".join(classes),
        dimension=made.dimension,
        old=base.dimension,
        fingerprint=made.fingerprint,
        rows="\n".join(
            f"| {_cell(name)} | {each['photos']} | {each['drawings']} |"
            for name, each in classes.items()
        ),
        text=_NO_TEXT.format(base=base.name) if base.text is not None else "",
        how=f"By {told}: {drawn}{left}",
        figures=_figures(record["named_right"]),
        min_score=made.min_score,
        seen_from=made.seen_from,
        was="" if made.seen_from == base.seen_from else f", {base.seen_from} before",
        settings="\n".join(f"- {key}: {value}" for key, value in record["settings"].items()),
        licence=", in LICENSE" if (base.folder / "LICENSE").is_file() else "",
        before=before,
    )


def _figures(named: Mapping[str, float]) -> str:
    shares = ", ".join(f"{share:.0%} of {kind}" for kind, share in named.items())
    note = "" if "drawings" in named else " Photos don't tell how drawings are named."
    return (
        f"Cross-validated, each picture by rows that have not seen it: {shares} are named right "
        f"among all classes, old and new.{note}"
    )


def _cell(name: str) -> str:
    return name.replace("|", "\\|")
