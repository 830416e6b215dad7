"""Labels that are worth a second look."""
