"""Samples: photos to try things with, which the project makes or fetches itself.

`drawn` draws animals, the same bytes for the same seed; `fetch` downloads openly licensed
photos that a manifest names. Both write one folder a class, which is what
ingest reads.
"""
