"""From label maps to measurements of their cells."""
