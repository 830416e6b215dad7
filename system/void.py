"""The value of void pixels."""

VOID = 255  # pixels of unknown class in every target; losses and metrics leave them out
