"""The training engine: steps, processes, averages, checkpoints and curves."""
