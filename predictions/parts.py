"""What every piece of a definition has in common: it is frozen, and a key it does not know is refused with advice."""

import difflib
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

IDENTIFIER = r"^[a-z][a-z0-9_]*$"
SLUG = r"^[a-z0-9][a-z0-9_-]*$"


class Part(BaseModel):
    """A piece of a definition."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, str_strip_whitespace=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys_only(cls, data: Any) -> Any:
        """Refuse an unknown key by name: a misspelt key that is ignored changes the meaning without a word."""
        if isinstance(data, dict):
            known = [field.alias or name for name, field in cls.model_fields.items()]
            for key in data:
                if key not in known:
                    raise _unknown_key(str(key), known)
        return data


def _unknown_key(key: str, known: list[str]) -> PydanticCustomError:
    near = difflib.get_close_matches(key, known, n=1)
    advice = f"did you mean '{near[0]}'?" if near else f"known here: {', '.join(known)}"
    return PydanticCustomError("unknown_key", "unknown key '{key}'; {advice}", {"key": key, "advice": advice})


class Threshold(Part):
    """How much it takes: exactly one of ``at_least``, ``above`` and ``below``."""

    at_least: float | None = None
    above: float | None = None
    below: float | None = None
    start: float | None = Field(default=None, description="Where it stood when progress was 0; 0 when left out.")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(bound is not None for bound in (self.at_least, self.above, self.below)) != 1:
            raise ValueError("needs exactly one threshold: at_least, above or below")
        return self

    @property
    def target(self) -> float:
        return next(bound for bound in (self.at_least, self.above, self.below) if bound is not None)

    def holds(self, value: float) -> bool:
        """Whether a value reaches the threshold."""
        if self.at_least is not None:
            return value >= self.at_least
        return value > self.target if self.above is not None else value < self.target

    def judge(self, low: float, high: float, *, final: bool) -> bool | None:
        """The verdict on a quantity that lies between ``low`` and ``high``.

        While more can still come (not ``final``), a quantity that only grows has not stayed below anything yet.
        """
        if self.below is not None:
            if not self.holds(low):
                return False
            return True if final and self.holds(high) else None
        if self.holds(low):
            return True
        return None if self.holds(high) else False

    def progress(self, value: float) -> float:
        """How far a value has come from ``start`` to the threshold, 0 to 1; 1 only where it holds."""
        if self.holds(value):
            return 1.0
        start = self.start or 0.0
        if self.below is not None and self.start is None:
            return 0.0
        way = (value - start) / (self.target - start) if self.target != start else 0.0
        return round(min(max(way, 0.0), 0.99), 4)

    def of_target(self) -> str:
        """``of 2``, where the target is to be reached; ``(wanted: below 70)`` otherwise."""
        return f"of {_figure(self.target)}" if self.at_least is not None else f"(wanted: {self.in_words()})"

    def in_words(self) -> str:
        """``at least 2``"""
        word = "at least" if self.at_least is not None else "above" if self.above is not None else "below"
        return f"{word} {_figure(self.target)}"


def _figure(value: float) -> str:
    return f"{value:g}" if abs(value) < 1e6 else f"{value:,.0f}"
