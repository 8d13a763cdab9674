"""Text towers for tests, as `sketchzoo model import` makes them; nothing here is trained."""

from dataclasses import replace

from model_artefact.source import Source
from model_artefact.text import TextSource, adopt_text
from sketchzoo.model import ModelArtefact
from sketchzoo.parts import Layout, Part
from tests.unit.model_artefact.exports import text_encoder, tokenizer

CONTEXT = 9


def with_text(artefact: ModelArtefact) -> ModelArtefact:
    """Give an artefact a text tower that knows a few words."""
    exported = artefact.folder / "exported.onnx"
    told = artefact.folder / "exported.json"
    text = TextSource(
        Source(text_encoder(exported, dimension=artefact.dimension)),
        tokenizer(told, context=CONTEXT, padding=True),
    )
    told_of = replace(artefact, text=adopt_text(text, artefact.folder, artefact.dimension))
    told_of.save_config()
    return told_of


def with_classes(artefact: ModelArtefact, *classes: str) -> ModelArtefact:
    """Say that an artefact's embeddings are class, general and shape parts."""
    general = (artefact.dimension - len(classes) - 1) // 2
    shape = artefact.dimension - len(classes) - 1 - general
    parts = (
        Part("class", len(classes) + 1, 0.5),
        Part("general", general, 0.2),
        Part("shape", shape, 0.3),
    )
    notes = {"shared_classes": list(classes)}
    told_of = replace(artefact, layout=Layout(parts), notes=notes)
    told_of.save_config()
    return told_of
