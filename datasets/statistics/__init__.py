"""Adds the statistics of its training images to a run that was trained before they were kept."""
