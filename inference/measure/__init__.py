"""Measures the cells of label maps that any program made; see `inference.measure.__main__`."""
