"""Runs a graph: frames, workers, one small module per verb. Knows models, disk and people only by protocol."""
