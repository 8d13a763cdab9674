"""What the command line shows of this room before it is loaded."""

from sketchzoo.cli.command import Command

DATA = Command(
    "sketchzoo_training.commands:data", "Inspect data for training.", place=110, extra="train"
)
TRAIN = Command(
    "sketchzoo_training.commands:train", "Train a Siamese network.", place=120, extra="train"
)
EVALUATE = Command(
    "sketchzoo_training.commands:evaluate",
    "Measure P@12 of a model or a service.",
    place=130,
    extra="train",
)
CONTACT_SHEET = Command(
    "sketchzoo_training.commands:contact_sheet",
    "Draw what drawings find, a row each.",
    place=135,
    extra="train",
)
STUDY = Command(
    "sketchzoo_training.commands:study",
    "Run the study's experiments and draw its charts.",
    place=140,
    extra="train",
)
