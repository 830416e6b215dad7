"""Which images belong together, such as tiles of one field, and how whole groups are shared out among parts."""
