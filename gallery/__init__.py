"""Galleries that the project makes or fetches itself.

`gallery.drawn` draws animals, the same bytes for the same seed; `gallery.fetch` downloads
openly licensed photos that a manifest names. Both write one folder a class, which is what
ingest reads.
"""
