"""`sketchzoo gallery`: photos in and out by the gallery service, and whole galleries in Qdrant."""

from sketchzoo_ingest.gallery_commands.app import app

__all__ = ["app"]
