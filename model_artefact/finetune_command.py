"""`sketchzoo finetune`: classes of someone's own photos join a model.

Imports of what is slow to load stand in the functions, so that `--help` is quick.
"""

from pathlib import Path
from typing import Annotated

import typer

from model_artefact.threads import products_on_one_thread
from model_artefact.user_errors import user_errors
from sketchzoo.cli.app import App

app = App(name="finetune")


@app.command()
def finetune(
    photos: Annotated[
        Path, typer.Argument(help="Your photos: a folder a class, 20 photos or more in each.")
    ],
    sketches: Annotated[
        Path | None,
        typer.Argument(help="A few drawings of such things: folders of the same names."),
    ] = None,
    *,
    model: Annotated[
        str, typer.Option(help="A model's folder, or a shipped one's name.")
    ] = "zoo-1",
    out: Annotated[Path, typer.Option(help="Folder to make.")],
    name: Annotated[
        str | None, typer.Option(help="The new model's name; the folder's if unset.")
    ] = None,
    per_class: Annotated[
        int, typer.Option(min=5, help="Photos, and drawings, of a class that are learned from.")
    ] = 200,
    prototypes: Annotated[
        bool, typer.Option("--prototypes", help="Do not train: photos' means stand for classes.")
    ] = False,
) -> None:
    """Teach a model classes of your own photos, and drawings, within minutes on a CPU.

    Without drawings sketches are named by where the photos lie; five drawings of each make it
    much better. What the model knew stays: old classes keep their rows, and folders of classes
    that it knows are passed over. MODEL_CARD.md of the new folder says what was learned from
    what. Galleries are ingested anew for it. Exit status: 0 made, 2 something cannot be used, 3 the
    folder is there already.
    """
    products_on_one_thread()
    with user_errors("finetune"):
        from model_artefact.lessons import lessons  # noqa: PLC0415 - loaded when it runs
        from model_artefact.showing import taught  # noqa: PLC0415

        taught(
            "finetune",
            model,
            out,
            lambda known: lessons(known, photos, sketches, per_class),
            name=name,
            by_prototypes=prototypes,
        )
