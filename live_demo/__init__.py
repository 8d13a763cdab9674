"""The page to draw on, and the thin gateway between it and the search service."""
