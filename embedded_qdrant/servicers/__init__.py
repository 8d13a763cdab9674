"""Qdrant's gRPC services over the catalogue."""
