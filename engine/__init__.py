"""This package trains and evaluates any network: loops, the state of a training, devices, ranks, the run folder."""
