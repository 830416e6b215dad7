"""This package turns logits into mask files and into pictures for people. `saved_run.load_run` opens a run."""
