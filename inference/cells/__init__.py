"""From the maps of an image to its cells."""
