"""How much more annotation would help: scores against the number of training images, and a forecast."""
