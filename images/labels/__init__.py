"""Label maps in files: TIFF in and out, large ones by their rows, and run-length codes."""
