"""From logits to masks on the disk, and to pictures that people look at. `assemble.load_run` opens a run."""
