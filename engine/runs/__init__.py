"""The folder of one run: its files, its checkpoints, its lock, and how it goes on after a stop."""
