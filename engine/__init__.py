"""Machinery that knows no particular network: configuration, loops, checkpoints, the run folder."""
