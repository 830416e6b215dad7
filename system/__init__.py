"""Errors, files, YAML, signals, seeds and the facts of the machine. Nothing here knows of images or networks."""
