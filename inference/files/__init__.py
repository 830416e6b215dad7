"""The files and pictures of results."""
