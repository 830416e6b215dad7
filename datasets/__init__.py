"""Files → samples: reading, checking, splitting, augmenting, and preparing known data sets."""
