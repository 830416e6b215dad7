"""Checks a data folder and describes what is in it."""
