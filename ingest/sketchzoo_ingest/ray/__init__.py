"""The engine for a cluster: the job's stages as a Ray Data pipeline (docs/adr/0092-ray.md).

Only what the command's `--engine ray` loads imports Ray.
"""
