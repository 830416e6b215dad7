"""A small valid configuration, how tests read it with changes, and the message for a wrong one."""

import pytest

from engine.schema.config_file import load_config
from system.errors import ConfigError

GOOD = """
data: {root: inputs/x, size: 96}
loss: {name: LovaszHingeLoss}
optimizer: {name: SGD, lr: 1e-3}
scheduler: {name: cosine}
train: {epochs: 2}
"""


def load(tmp_path, text=GOOD, *overrides):
    path = tmp_path / "exp.yaml"
    path.write_text(text)
    return load_config(path, overrides)


def complaint(tmp_path, text, *overrides):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text, *overrides)
    return str(caught.value)
