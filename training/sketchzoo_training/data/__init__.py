"""Data sets: where photos and sketches come from and how they are split."""

from sketchzoo_training.data._class_list import ClassList, class_list, kept_lists
from sketchzoo_training.data._folders import Listing, modality_called
from sketchzoo_training.data._image_file import ImageFile, class_name_of
from sketchzoo_training.data._left_out import LeftOut
from sketchzoo_training.data._source import (
    DataFolders,
    DataSet,
    DataSource,
    check_apart,
    data_source,
    draw_splits,
    list_images,
    look,
)
from sketchzoo_training.data._splits import SPLITS, split_by_photo
from sketchzoo_training.data._training_set import (
    TrainingSet,
    copies,
    filled_up,
    load_training_set,
    untrainable,
)
from sketchzoo_training.errors import DataError

__all__ = [
    "SPLITS",
    "ClassList",
    "DataError",
    "DataFolders",
    "DataSet",
    "DataSource",
    "ImageFile",
    "LeftOut",
    "Listing",
    "TrainingSet",
    "check_apart",
    "class_list",
    "class_name_of",
    "copies",
    "data_source",
    "draw_splits",
    "filled_up",
    "kept_lists",
    "list_images",
    "load_training_set",
    "look",
    "modality_called",
    "split_by_photo",
    "untrainable",
]
