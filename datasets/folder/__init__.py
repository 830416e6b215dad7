"""A data folder: the names of its files, its description, what can be wrong with it, and which files are its truth."""
