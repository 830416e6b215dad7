"""Pixels in and out: guarded reading of files, intensity, resizing, normalising, writing."""
