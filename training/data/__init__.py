"""Data sets: where photos and sketches come from and how they are split."""

from training.data._folders import list_images
from training.data._image_file import ImageFile, class_name_of
from training.data._splits import SPLITS, split_by_photo
from training.errors import DataError

__all__ = ["SPLITS", "DataError", "ImageFile", "class_name_of", "list_images", "split_by_photo"]
