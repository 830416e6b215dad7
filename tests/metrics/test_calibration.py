"""Calibration of confidences, counted by hand."""

import numpy as np

from metrics import Calibration


def test_bins_counted_by_hand():
    calibration = Calibration()
    calibration.update(np.array([0.5, 0.53125, 0.75]), np.array([True, False, True]))
    calibration.update(np.array([0.765625, 1.0, 0.984375]), np.array([True, True, False]))
    calibration.update(np.array([]), np.array([], bool))  # an image without cells
    assert calibration.table() == [
        {"from": 0.5, "to": 0.55, "cells": 2, "matched": 1, "mean_confidence": 0.515625},
        {"from": 0.75, "to": 0.8, "cells": 2, "matched": 2, "mean_confidence": 0.7578125},
        {"from": 0.95, "to": 1.0, "cells": 2, "matched": 1, "mean_confidence": 0.9921875},
    ]


def test_without_cells_there_are_no_bins():
    assert Calibration().table() == []
