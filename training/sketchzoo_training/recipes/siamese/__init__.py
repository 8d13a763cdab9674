"""The study's recipe: one network with shared weights for sketches and photos."""
