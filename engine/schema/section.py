"""What all sections of a configuration have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A section of the file: no unknown keys, no silent conversion ("3" is not 3), not changed after reading."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    def arguments(self) -> dict:
        """The keys that are keyword arguments of what the section's name stands for."""
        return self.model_dump(exclude={"name"})
