"""Data sets: where photos and sketches come from and how they are split."""

from sketchzoo_training.data._folders import check_apart, list_images
from sketchzoo_training.data._image_file import ImageFile, class_name_of
from sketchzoo_training.data._splits import SPLITS, split_by_photo, write_splits
from sketchzoo_training.data._training_set import TrainingSet, filled_up, load_training_set
from sketchzoo_training.errors import DataError

__all__ = [
    "SPLITS",
    "DataError",
    "ImageFile",
    "TrainingSet",
    "check_apart",
    "class_name_of",
    "filled_up",
    "list_images",
    "load_training_set",
    "split_by_photo",
    "write_splits",
]
