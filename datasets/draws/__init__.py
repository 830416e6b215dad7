"""What is drawn at random for each sample of a training, besides flips and colours."""
