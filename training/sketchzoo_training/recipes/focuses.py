"""What each focus of a query finds: classes, the very photo, things that no training saw."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact
from sketchzoo.parts import Focus
from sketchzoo_training.data import ImageFile, list_images
from sketchzoo_training.evaluate.embedding import Embedded, embed, focused
from sketchzoo_training.evaluate.metrics import OF_PAIRS, PerQuery, QueryKey, measure
from sketchzoo_training.evaluate.ranking import rank

Chosen = npt.NDArray[np.bool_]


def measure_focuses(
    artefact: ModelArtefact, data: Path, others: Sequence[ImageFile], strange: Sequence[ImageFile]
) -> dict[str, Any]:
    """Measure each focus of a model by name; images are embedded once.

    P@12 is of `test`, the very photo is asked for by the pairs of val and test among photos of
    both. `strange` are sketches of classes that no training saw; their photos are among `others`,
    photos of other classes than the zoo's.
    """
    zoo = data / "zoo"
    files = {
        modality: [
            file
            for split in ("val", "test")
            for file in list_images(zoo, modality, split=split)
            if modality is Modality.PHOTO or split == "test" or file.photo_name
        ]
        for modality in Modality
    }
    photos = embed(artefact, [*files[Modality.PHOTO], *others], Modality.PHOTO)
    sketches = embed(artefact, [*files[Modality.SKETCH], *strange], Modality.SKETCH)
    asked = _Asked(artefact, photos, sketches)
    return {str(focus): asked.with_focus(focus) for focus, _ in artefact.layout.in_order()}


class _Asked:
    """Photos and sketches of val, test and unseen classes, embedded."""

    def __init__(self, artefact: ModelArtefact, photos: Embedded, sketches: Embedded) -> None:
        self._artefact = artefact
        self._photos, self._sketches = photos, sketches
        self._unseen = frozenset(artefact.notes["unseen_classes"])
        chosen_by = artefact.notes.get("calibration", {}).get("chosen_by", ())
        self._untouched = self._unseen - frozenset(chosen_by)

    def with_focus(self, focus: Focus) -> dict[str, Any]:
        """Return what a focus finds."""
        layout = self._artefact.layout
        queries = focused(self._artefact, self._sketches.vectors, focus)
        photo_split = np.array([file.split or "" for file in self._photos.files])
        split = np.array([file.split or "" for file in self._sketches.files])
        test = np.isin(photo_split, ["test"])
        zoo = np.isin(photo_split, ["val", "test"])
        paired = np.array([bool(file.photo_name) for file in self._sketches.files])
        of_class = self._measured(queries, split == "test", test)
        of_pairs = self._measured(queries, np.isin(split, ["val", "test"]) & paired, zoo)
        found: dict[str, Any] = {
            "p@12": of_class.mean("p@12"),
            "map": of_class.mean("map"),
            **{name: of_pairs.mean(name) for name in OF_PAIRS},
            "pairs": int(np.sum(~np.isnan(of_pairs.values["recall@1"]))),
            "min_score": layout.focuses[focus].min_score,
        }
        for name, classes in (
            ("unseen_classes", self._unseen),
            ("unseen_untouched", self._untouched),
        ):
            strange = self._of(self._sketches, classes)
            if strange.any():
                found[name] = self._strange(queries, strange, test)
        return found

    def _strange(
        self, queries: npt.NDArray[np.float32], strange: Chosen, test: Chosen
    ) -> dict[str, Any]:
        own = self._of(self._photos, self._unseen)
        others = np.array([file.split is None for file in self._photos.files])
        among_all = self._measured(queries, strange, test | others)
        among_own = self._measured(queries, strange, own)
        named = {
            f.class_name for f, there in zip(self._sketches.files, strange, strict=True) if there
        }
        return {
            "p@12": among_all.mean("p@12"),
            "among_their_own_photos": {
                "p@12": among_own.mean("p@12"),
                **{name: among_own.mean(name) for name in OF_PAIRS},
            },
            "classes": len(named),
            "queries": int(strange.sum()),
        }

    @staticmethod
    def _of(embedded: Embedded, classes: frozenset[str]) -> Chosen:
        return np.array([file.class_name in classes for file in embedded.files], np.bool_)

    def _measured(self, queries: npt.NDArray[np.float32], asked: Chosen, shown: Chosen) -> PerQuery:
        gallery = self._photos.vectors[shown]
        return measure(
            rank(queries[asked], gallery),
            _keys(self._sketches.files, asked),
            _keys(self._photos.files, shown),
        )


def _keys(files: Sequence[ImageFile], chosen: Chosen) -> list[QueryKey]:
    return [
        QueryKey(file.class_name, file.photo_name)
        for file, there in zip(files, chosen, strict=True)
        if there
    ]
