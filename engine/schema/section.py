"""The base class of all sections of a configuration."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A section of a configuration file.

    Unknown keys are refused, values are not converted silently ("3" is not 3), and nothing changes after reading.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    def arguments(self) -> dict:
        """Returns all keys but `name`: they are the keyword arguments of the object that `name` stands for."""
        return self.model_dump(exclude={"name"})
