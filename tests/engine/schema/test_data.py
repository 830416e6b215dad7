"""Splits that make no sense are refused before any work, with what to do."""

import pytest
from pydantic import ValidationError

from engine.schema.data import DataConfig

GOOD = [
    {},
    {"split": "grouped"},
    {"folds": 5, "fold": 0},
    {"folds": 5, "fold": 4, "split": "grouped", "test_fraction": 0.2},
    {"val_fraction": 0.5, "test_fraction": 0.4},
    {"val_fraction": 0.9, "test_fraction": 0.4, "folds": 2, "fold": 1},  # with folds there is no val_fraction
    {"split_file": "a.csv", "split": "grouped"},  # the file wins
]


@pytest.mark.parametrize("keys", GOOD)
def test_what_is_allowed(keys):
    data = DataConfig(root="r", size=32, **keys)
    assert DataConfig.model_validate(data.model_dump()) == data


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"fold": 0}, "fold 0 needs folds, the number of them; set folds: 5, or leave fold out"),
        ({"folds": 5}, "folds 5: no fold is given; set fold to the one that validates, from 0 to 4"),
        ({"folds": 5, "fold": 5}, "folds 5: fold 5 is not among them; set fold to the one .*, from 0 to 4"),
        ({"folds": 1, "fold": 0}, "greater than or equal to 2"),
        ({"fold": -1, "folds": 3}, "greater than or equal to 0"),
        ({"split_file": "a.csv", "folds": 5, "fold": 0}, "split_file names all parts; leave folds, fold and test_frac"),
        ({"split_file": "a.csv", "test_fraction": 0.1}, "split_file names all parts"),
        ({"val_fraction": 0.5, "test_fraction": 0.5}, "leave no image to train with; lower one, so that their sum"),
        ({"test_fraction": 0.0}, "greater than 0"),
        ({"split": "groups"}, "'random' or 'grouped'"),
    ],
)
def test_what_is_refused(keys, told):
    with pytest.raises(ValidationError, match=told):
        DataConfig(root="r", size=32, **keys)
