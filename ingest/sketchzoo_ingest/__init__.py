"""Ingest: the job that fills Qdrant with a gallery's photos.

`sketchzoo ingest SOURCE...` lists photos, reads and hashes them, asks Qdrant which it
has, has the encoder embed the others, writes them, and lets the alias name the
collection when all is there. Run again, it writes only what is missing.
"""
