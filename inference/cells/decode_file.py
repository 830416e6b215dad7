"""The file `<run>/decode.yaml`: how the maps of a run become cells, in place of the run's configuration.

`val.py --tune` writes it. People may write it, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml

from inference.cells.decoding import Decoding, decoding_by
from system.errors import ConfigError
from system.files import write_text
from system.yaml_file import read_yaml

NAME = "decode.yaml"


@dataclass(frozen=True)
class ChosenDecoding:
    """How a run becomes cells, and where the parameters come from.

    Attributes:
        tuned_on: the part of the data whose scores chose the parameters, such as "val"; None if no scores did.
        epoch: the epoch of the weights that they were tuned with.
    """

    how: Decoding
    tuned_on: str | None = None
    epoch: int | None = None

    def describe(self, *, epoch: int) -> str:
        """Returns a line for a terminal; `epoch` is that of the weights which are used now."""
        if self.tuned_on is None:
            return str(self.how)
        older = f" with the weights of epoch {self.epoch}, run val.py --tune again" if self.epoch != epoch else ""
        return f"{self.how}, tuned on the part '{self.tuned_on}'{older}"


def write_decoding(path: Path, chosen: ChosenDecoding, *, scores: Mapping[str, float]) -> None:
    """Writes the file; `scores` are those that chose the parameters."""
    content = asdict(chosen.how) | {"tuned_on": chosen.tuned_on, "epoch": chosen.epoch}
    content["scores"] = {name: round(float(score), 4) for name, score in scores.items()}
    write_text(path, yaml.safe_dump(content, sort_keys=False))


def read_decoding(path: Path, methods: tuple[str, ...]) -> ChosenDecoding | None:
    """Reads the file; None if there is none.

    Args:
        methods: those that the run's task allows.

    Raises:
        ConfigError: the file cannot be read, or it has unknown keys or values that are not allowed.
    """
    if not path.exists():
        return None
    try:
        keys = read_yaml(path)
        if not isinstance(keys, dict):
            raise TypeError(f"it must hold keys such as 'method:', got {keys!r}")
        notes = {name: keys.pop(name, None) for name in ("tuned_on", "epoch", "scores")}
        method = keys.pop("method", methods[0])
        if method not in methods:
            raise ValueError(f"method: got {method!r}; the task of this run allows {', '.join(methods)}")
        if unknown := set(keys) - set(asdict(decoding_by(method))):
            raise ValueError(f"unknown keys {', '.join(map(str, unknown))}")
        return ChosenDecoding(decoding_by(method, **keys), notes["tuned_on"], notes["epoch"])
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); make it readable, or remove it") from error
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{path}: {error}; correct the file, or remove it") from error
