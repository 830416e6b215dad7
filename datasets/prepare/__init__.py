"""Brings data sets into the layout of this project."""
