"""Errors, files, YAML, signals, seeds and the machine itself. Nothing here knows about images or networks."""
