"""A trained run for all tests of a file that only predict with it."""

import sys

import pytest
from conftest import write_config, write_set

import train
from system.errors import run_script


def short_run(folder, *changes):
    """Trains on `folder/inputs/small` and returns the folder of the run, `folder/outputs/small`."""
    folder.mkdir(parents=True, exist_ok=True)
    config = write_config(folder, write_set(folder / "inputs" / "small"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "ROOT", folder)
        patch.setattr(sys, "argv", ["train.py", "--config", str(config), *changes])
        assert run_script(train.main) == 0
    return folder / "outputs" / "small"
