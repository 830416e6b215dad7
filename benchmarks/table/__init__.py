"""Trains configurations with several seeds and folds, and says how well they do and how sure that is."""
