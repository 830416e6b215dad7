"""Converts data sets to the layout of this project."""
