"""What the command line shows of this room before it is loaded."""

from sketchzoo.cli.command import Command

MODEL = Command(
    "model_artefact.commands:app",
    "Import an encoder's ONNX files as a model, check and calibrate models.",
    place=105,
    extra="model",
)
FINETUNE = Command(
    "model_artefact.finetune_command:app",
    "Teach a model classes of your own photos, and drawings.",
    place=107,
    extra="model",
)
