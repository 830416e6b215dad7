"""A trained model as files for other programs: `python -m inference.export`."""
