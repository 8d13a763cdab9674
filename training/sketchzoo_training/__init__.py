"""The Siamese study: data sets, networks, losses, training, evaluation, figures, export."""

import os

# As in encoder_service: ONNX Runtime would report what it runs.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
