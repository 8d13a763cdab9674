"""The encoder service: images in, embeddings out, over gRPC.

`bootstrap` wires it: a servicer speaks the contract, an encoder queues each call's
images and hands them to worker threads, a runtime runs the model.
"""

import os

# ONNX Runtime's wheels send to their maker what they run, from 1.29 on, and say so on stderr
# where they can't. It is asked before the library is loaded, once for the process.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
