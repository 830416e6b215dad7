"""The value of void pixels, which images, datasets, losses and metrics agree on."""

VOID = 255
"""In a target, a class map of indices or a mask: the pixel is of unknown class, and losses and metrics leave it out."""
