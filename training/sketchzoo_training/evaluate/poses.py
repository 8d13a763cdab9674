"""Poses: what drawings find by one focus or several, side by side on a contact sheet."""

from collections.abc import Callable, Sequence
from typing import Any

from PIL import Image

from sketchzoo.contact_sheet import Row, Tile, contact_sheet
from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact
from sketchzoo.parts import Focus
from sketchzoo_training.data import DataError, ImageFile
from sketchzoo_training.evaluate.embedding import check_focus, embed, focused
from sketchzoo_training.evaluate.ranking import rank

HITS = 12
MOST_ROWS = 60
_LARGE = 256  # pixels a side, of which the sheet shows half


def poses_sheet(
    artefact: ModelArtefact,
    gallery: Sequence[ImageFile],
    drawings: Sequence[ImageFile],
    focuses: Sequence[Focus] = (),
    *,
    workers: int | None = None,
    advance: Callable[[], Any] = lambda: None,
) -> Image.Image:
    """Draw each drawing with its first twelve photos, by every focus below each other.

    Without `focuses` all that the model has count. A photo's frame tells whether it is of the
    drawing's class.

    Raises:
        DataError: nothing is left to show, or more rows than a sheet holds.
        InputError: the model has no such focus.
        sketchzoo.model.ModelError: an ONNX file of the model is missing or broken.

    """
    for focus in focuses:
        check_focus(artefact, focus)
    asked: list[Focus | None] = [*dict.fromkeys(focuses or artefact.layout.focuses)]
    asked = asked or [None]
    if len(drawings) * len(asked) > MOST_ROWS:
        raise DataError(
            f"{len(drawings)} drawings by {len(asked)} focuses are more than the {MOST_ROWS} rows "
            "that a sheet holds: give fewer"
        )
    photos = embed(artefact, gallery, Modality.PHOTO, workers=workers, advance=advance)
    sketches = embed(artefact, drawings, Modality.SKETCH, workers=workers, advance=advance)
    if not photos.files or not sketches.files:
        what = "photos" if not photos.files else "drawings"
        raise DataError(f"no {what} left to show: none can be decoded")
    orders = [
        rank(focused(artefact, sketches.vectors, focus), photos.vectors).order for focus in asked
    ]
    rows = []
    for number, drawing in enumerate(sketches.files):
        for looked_at, order in zip(asked, orders, strict=True):
            caption = drawing.class_name + (f": {looked_at}" if looked_at else "")
            hits = [photos.files[photo] for photo in order[number, :HITS]]
            tiles = [
                Tile(_small(hit), hit.class_name, hit.class_name == drawing.class_name)
                for hit in hits
            ]
            rows.append(Row(Tile(_small(drawing), caption), tiles))
    return contact_sheet(rows)


def _small(file: ImageFile) -> Image.Image:
    image = file.load()
    image.thumbnail((_LARGE, _LARGE))
    return image
