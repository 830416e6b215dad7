"""What trains and evaluates any network: the loops, the state of a training, devices, ranks, the run folder."""
