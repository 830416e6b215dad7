"""The section of a configuration that says how maps become cells."""

from __future__ import annotations

from engine.schema.numbers import Count
from engine.schema.optimisers import Fraction
from engine.schema.section import Section


class DecodeConfig(Section):
    """How maps become cells. A key that is not given has the default of its method."""

    method: str | None = None  # None: the first method of the task
    foreground_threshold: Fraction | None = None  # a pixel above this probability belongs to a cell
    seed_threshold: Fraction | None = None  # cells grow from where the task's second map lies above this
    min_seed: Count | None = None  # pixels of a seed
    min_area: Count | None = None  # pixels of a cell

    def given(self) -> dict[str, float]:
        """Returns the parameters that are given, without the method."""
        return self.model_dump(exclude={"method"}, exclude_none=True)
