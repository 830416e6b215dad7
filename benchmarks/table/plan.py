"""The YAML file of a table → the trainings that it needs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from benchmarks.table.columns import COLUMNS
from engine.schema.choices import name_in
from engine.schema.numbers import Folds, NumberFrom0, Seed
from engine.schema.section import Section
from system.errors import ConfigError
from system.yaml_file import read_yaml

TAKEN = ("name", "seed", "data.folds", "data.fold")
ColumnName = Annotated[str, name_in(lambda: list(COLUMNS))]


class Row(Section):
    label: str  # names the row, and in simple letters its runs
    config: str  # a configuration, relative to the root of the repository
    set: list[str] = Field(default=[])  # changes to it, such as model.name=UNet

    @property
    def slug(self) -> str:
        return re.sub(r"[^A-Za-z0-9.]+", "_", self.label.replace("+", "p")).strip("._").lower()


class Table(Section):
    """A table of scores: rows × seeds × folds."""

    rows: Annotated[list[Row], Field(min_length=1)]
    seeds: Annotated[list[Seed], Field(min_length=1)]
    folds: Folds | None = None  # None: the split of each configuration
    fold: Annotated[list[NumberFrom0], Field(min_length=1)] | None = None  # which of the folds; None: all
    set: list[str] = Field(default=[])  # changes to the configurations of all rows
    part: Literal["val", "test"] = "val"  # the part that is scored
    columns: list[ColumnName] = Field(default=["iou", "iou_per_image", "ap_50"])

    @model_validator(mode="after")
    def _consistent(self) -> Table:
        slugs = Counter(row.slug for row in self.rows)
        if twice := [slug for slug, count in slugs.items() if count > 1 or not slug]:
            raise ValueError(f"rows: labels need letters or digits, and must differ in them; see {twice[0]!r}")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds: {self.seeds} has one twice")
        if self.fold is not None and self.folds is None:
            raise ValueError("fold: needs folds, the number of them; set folds: 5, or leave fold out")
        if self.fold is not None and (max(self.fold) >= self.folds or len(set(self.fold)) < len(self.fold)):
            raise ValueError(f"fold: {self.fold}; allowed are different numbers from 0 to {self.folds - 1}")
        given = [change for one in (self, *self.rows) for change in one.set]
        if taken := [change for change in given if change.split("=")[0].strip() in TAKEN]:
            raise ValueError(f"set: {taken[0]}; {', '.join(TAKEN)} are set by seeds, folds and labels")
        return self


@dataclass(frozen=True)
class Run:
    """One training: its configuration, and the changes to it."""

    name: str
    config: Path
    overrides: tuple[str, ...]


def read_table(path: Path) -> Table:
    """Reads the file of a table.

    Raises:
        ConfigError: the file is not there or has mistakes; all of them at once.
    """
    try:
        return Table.model_validate(read_yaml(path))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    except ValidationError as error:
        lines = [
            f"  {'.'.join(map(str, one['loc'])) or 'the file'}: {one['msg'].removeprefix('Value error, ')}"
            for one in error.errors(include_url=False)
        ]
        raise ConfigError("\n".join([f"{path}: {len(lines)} problem(s)", *lines])) from error


def runs_of(table: Table, row: Row, *, name: str, root: Path) -> dict[int, list[Run]]:
    """Returns the runs of a row: seed → a run for each fold.

    Args:
        name: of the table; the runs' names begin with it.
        root: the folder that paths of configurations are relative to.
    """
    folds: list[int | None] = [None] if table.folds is None else table.fold or list(range(table.folds))
    return {seed: [_run(table, row, seed, fold, name=name, root=root) for fold in folds] for seed in table.seeds}


def _run(table: Table, row: Row, seed: int, fold: int | None, *, name: str, root: Path) -> Run:
    name, changes = f"{name}_{row.slug}_s{seed}", [f"seed={seed}"]
    if fold is not None:
        name, changes = f"{name}_f{fold}", [*changes, f"data.folds={table.folds}", f"data.fold={fold}"]
    return Run(name, root / row.config, (*table.set, *row.set, *changes, f"name={name}"))


def all_runs(table: Table, *, name: str, root: Path) -> Iterator[Run]:
    """Yields all runs of a table: first those of the first seed, so that a part of the time gives a whole table."""
    of_rows = [runs_of(table, row, name=name, root=root) for row in table.rows]
    for seed in table.seeds:
        for runs in of_rows:
            yield from runs[seed]
