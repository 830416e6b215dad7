"""From samples to the windows and batches of a training."""
