"""Base of everything that a recipe's YAML becomes: no unknown keys, no changes, and no numbers that are none."""

from __future__ import annotations

from typing import get_args

from pydantic import BaseModel, ConfigDict, model_validator


class Strict(BaseModel):
    """A frozen schema that refuses unknown keys, numbers that are not finite, and YAML's yes and no for a number."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _no_yes_for_a_number(cls, values: object) -> object:
        for key, value in values.items() if isinstance(values, dict) else ():
            field = cls.model_fields.get(key)
            if field is None or bool in (field.annotation, *get_args(field.annotation)):
                continue
            wrong = [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, bool)]
            if wrong:
                raise ValueError(f"{key} must not be {wrong[0]}, which is what YAML makes of yes, no, on and off")
        return values
