"""The commands `data`, `train`, `evaluate`, `contact-sheet` and `study`, a module each."""

from sketchzoo_training.commands._contact_sheet import contact_sheet
from sketchzoo_training.commands._data import data
from sketchzoo_training.commands._evaluate import evaluate
from sketchzoo_training.commands._study import study
from sketchzoo_training.commands._train import train

__all__ = ["contact_sheet", "data", "evaluate", "study", "train"]
