"""Files of other tools, from label maps."""
