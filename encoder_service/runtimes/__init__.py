"""Runtimes: what runs a model's towers. Each is imported only when it is chosen."""

from encoder_service.runtimes.base import Runtime, Vectors

__all__ = ["Runtime", "Vectors"]
