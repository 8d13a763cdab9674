"""Batches: images decoded, varied and stacked into tensors, by step."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from sketchzoo.images import ImageError, Modality, Preprocessing, prepare
from sketchzoo_training.data import DataError, ImageFile
from sketchzoo_training.engine.processes import Share
from sketchzoo_training.recipes.siamese.augmentation import augment
from sketchzoo_training.recipes.siamese.config import AugmentationConfig
from sketchzoo_training.recipes.siamese.sampling import BatchSampler

_SPARE = 1.15  # decoded images are kept a little larger than the input, for crops


@dataclass(frozen=True, slots=True)
class ImageBatch:
    """A process's images of a step by modality `(n, 3, s, s)`, and the whole batch's labels."""

    sketches: Tensor
    photos: Tensor
    sketch_labels: Tensor
    photo_labels: Tensor

    @property
    def sizes(self) -> tuple[int, int]:
        """Return how many sketches and photos the whole batch has."""
        return len(self.sketch_labels), len(self.photo_labels)

    def to(self, device: torch.device) -> Self:
        """Return the same batch on a device."""
        return type(self)(
            *(getattr(self, each.name).to(device, non_blocking=True) for each in fields(self))
        )


class ImageStore:
    """Decoded images of one modality, held in memory up to a number of bytes.

    Images are kept square-bounded at 1.15 times the input's side, so that decoding, the
    slowest part of a batch, happens once.
    """

    def __init__(
        self, files: Sequence[ImageFile], preprocessing: Preprocessing, cache_bytes: int
    ) -> None:
        self.files = tuple(files)
        self.preprocessing = preprocessing
        self._side = round(preprocessing.size * _SPARE)
        self._room = cache_bytes
        self._kept: dict[int, npt.NDArray[np.uint8]] = {}

    @classmethod
    def of_whole(
        cls, files: Sequence[ImageFile], preprocessing: Preprocessing, cache_bytes: int
    ) -> tuple[Self, tuple[ImageFile, ...]]:
        """Open every file; return a store of those that decode, and the damaged ones."""
        store = cls(files, preprocessing, cache_bytes)
        damaged = []
        for index, file in enumerate(files):
            try:
                store.image(index)
            except (ImageError, DataError, OSError):
                damaged.append(file)
        if not damaged:
            return store, ()
        whole = [file for file in files if file not in damaged]
        return cls(whole, preprocessing, cache_bytes), tuple(damaged)

    def image(self, index: int) -> Image.Image:
        """Return an image, RGB, its longer side at most 1.15 times the input's.

        Raises:
            sketchzoo.images.ImageError, DataError, OSError: the file cannot be decoded.

        """
        kept = self._kept.get(index)
        if kept is not None:
            return Image.fromarray(kept)
        image = self.files[index].load()
        short = min(image.size) if self.preprocessing.fit == "crop" else max(image.size)
        if short > self._side:
            scale = self._side / short
            size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
            image = image.resize(size, Image.Resampling.BICUBIC)
        pixels = np.asarray(image)
        if pixels.nbytes <= self._room:
            self._room -= pixels.nbytes
            self._kept[index] = pixels
        return image

    def tensor(self, index: int) -> npt.NDArray[np.float32]:
        """Return an image as the network sees it in service, `(3, s, s)`."""
        return prepare(self.image(index), self.preprocessing)

    def varied(
        self, index: int, modality: Modality, config: AugmentationConfig, rng: np.random.Generator
    ) -> npt.NDArray[np.float32]:
        """Return a varied image as a network's input, `(3, s, s)`."""
        image = self.image(index)
        if modality is Modality.SKETCH:
            # Strokes are moved within the square that they are shown in.
            side = max(image.size)
            image = ImageOps.pad(image, (side, side), color="white")
        return prepare(augment(image, modality, config, rng), self.preprocessing)


class StepBatches(Dataset[ImageBatch]):
    """The batch of each step: what it draws and how it varies follow from seed and step."""

    def __init__(
        self,
        *,
        sampler: BatchSampler,
        sketches: ImageStore,
        photos: ImageStore,
        labels: dict[str, int],
        augmentation: AugmentationConfig | None,
        seed: int,
        share: Share,
    ) -> None:
        """Without `augmentation` images are as in service. Of images `share` has its own alone."""
        self._sampler = sampler
        self._sketches, self._photos = sketches, photos
        self._labels = labels
        self._augmentation = augmentation
        self._seed = seed
        self._share = share

    def __getitem__(self, step: int) -> ImageBatch:
        drawn = self._sampler.batch(step)
        return ImageBatch(
            self._images(self._sketches, Modality.SKETCH, drawn.sketches.tolist(), step),
            self._images(self._photos, Modality.PHOTO, drawn.photos.tolist(), step),
            self._classes(self._sketches, drawn.sketches.tolist()),
            self._classes(self._photos, drawn.photos.tolist()),
        )

    def _images(
        self, store: ImageStore, modality: Modality, indexes: list[int], step: int
    ) -> Tensor:
        places = range(len(indexes))[self._share.rows(len(indexes))]
        if self._augmentation is None:
            return torch.from_numpy(np.stack([store.tensor(indexes[place]) for place in places]))
        images = []
        for place in places:
            rng = np.random.default_rng((self._seed, 2, step, modality is Modality.PHOTO, place))
            images.append(store.varied(indexes[place], modality, self._augmentation, rng))
        return torch.from_numpy(np.stack(images))

    def _classes(self, store: ImageStore, indexes: list[int]) -> Tensor:
        return torch.tensor([self._labels[store.files[index].class_name] for index in indexes])


def load_steps(batches: StepBatches, steps: range, workers: int) -> Iterator[ImageBatch]:
    """Yield the batches of `steps` in order, prepared by `workers` processes ahead."""
    loader: DataLoader[ImageBatch] = DataLoader(
        batches,
        sampler=steps,
        batch_size=None,
        num_workers=workers,
        collate_fn=_as_it_is,
        # Without one of its own the loader draws from torch's generator.
        generator=torch.Generator(),
        multiprocessing_context="spawn" if workers else None,
    )
    yield from loader


def _as_it_is(batch: Any) -> Any:
    return batch
