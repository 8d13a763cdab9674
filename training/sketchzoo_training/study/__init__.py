"""The study: presets trained, measured and compared."""
