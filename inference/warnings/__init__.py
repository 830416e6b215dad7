"""How an image differs from those that a run was trained with."""
