"""From logits to masks on the disk, and to pictures that people look at. `saved_run.load_run` opens a run."""
