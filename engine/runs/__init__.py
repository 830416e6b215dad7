"""The folder of one run: its files, its checkpoints, its lock, and how the run continues after a stop."""
