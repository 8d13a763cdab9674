"""The encoder service: images in, embeddings out, over gRPC.

`bootstrap` wires it: a servicer speaks the contract, a worker pool queues each call's
images and hands them to worker threads, a runtime runs the model.
"""
