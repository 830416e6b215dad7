"""Pixels come in and go out here: files are checked and read, images are scaled and resized, and files are written."""
