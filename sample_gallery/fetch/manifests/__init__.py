"""Manifests that come with SketchZoo, as CSV files."""
