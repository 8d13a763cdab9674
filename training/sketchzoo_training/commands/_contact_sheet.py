"""The command `contact-sheet`.

Imports of what is slow to load stand in the functions, so that `--help` is quick.
"""

from pathlib import Path
from typing import Annotated

import typer

from sketchzoo.cli.app import App
from sketchzoo.cli.options import output_file
from sketchzoo_training.commands._shared import FocusName, user_errors

contact_sheet = App(no_args_is_help=True)


@contact_sheet.command()
def draw_contact_sheet(
    *,
    gallery: Annotated[
        list[Path],
        typer.Option(
            metavar="<path>",
            help="Folder of photos, a folder per class, directly or under photo/; or plugin:NAME. "
            "May be repeated.",
        ),
    ],
    drawings: Annotated[
        Path,
        typer.Option(
            metavar="<path>",
            help="Folder of drawings, a folder of images or an .ndjson file of strokes per class; "
            "or plugin:NAME.",
        ),
    ],
    out: Annotated[
        Path, typer.Option(metavar="FILE", callback=output_file, help="The picture, a PNG.")
    ],
    model: Annotated[
        str,
        typer.Option(
            envvar="SKETCHZOO_MODEL", help="Name of a shipped model, or a model's folder."
        ),
    ] = "zoo-1",
    focus: Annotated[
        list[FocusName] | None,
        typer.Option(help="What drawings are after; may be repeated. All of the model's if unset."),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="Photos of these splits of each gallery's splits.csv: test, or val,test."
        ),
    ] = None,
    whole: Annotated[
        bool,
        typer.Option(
            "--whole", help="With --split, take folders without a splits.csv as they are."
        ),
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(min=1, max=256, help="Images embedded at once; default: one a core."),
    ] = None,
) -> None:
    """Draw what drawings find: a row each, and each focus, with the first twelve photos.

    Photos of the drawing's class have a green frame, others an orange one.
    """
    with user_errors("contact-sheet"):
        from sketchzoo.images import Modality  # noqa: PLC0415 - slow to load
        from sketchzoo.model import ModelArtefact  # noqa: PLC0415 - as above
        from sketchzoo.parts import Focus  # noqa: PLC0415 - as above
        from sketchzoo_training.evaluate.command import progress  # noqa: PLC0415 - as above
        from sketchzoo_training.evaluate.poses import poses_sheet  # noqa: PLC0415 - as above
        from sketchzoo_training.evaluate.selection import listed_in  # noqa: PLC0415 - as above

        photos = listed_in(gallery, Modality.PHOTO, split, whole=whole).files
        drawn = listed_in([drawings], Modality.SKETCH).files
        focuses = [Focus(name) for name in focus or ()]
        artefact = ModelArtefact.load(model)
        with progress("embedding", len(photos) + len(drawn)) as advance:
            sheet = poses_sheet(artefact, photos, drawn, focuses, workers=workers, advance=advance)
        sheet.save(out, "PNG")
