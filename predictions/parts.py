"""What every piece of a definition has in common: it is frozen, and a key it does not know is refused with advice."""

import difflib
from datetime import date
from typing import Annotated, Any, Final, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    Strict,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

IDENTIFIER = r"^[a-z][a-z0-9_]*$"
SLUG = r"^[a-z0-9][a-z0-9_-]*$"


def _no_number(value: Any) -> Any:
    if isinstance(value, date | str):
        return value
    raise ValueError("this is no date: write it as 2026-04-17")


Number = Annotated[float, Strict()]
"""A number in quotes is none."""
Whole = Annotated[int, Strict()]
Flag = Annotated[bool, Strict()]
Day = Annotated[date, BeforeValidator(_no_number)]
"""A number is no date, though pydantic would read it as the seconds since 1970."""


FROM_A_FILE: Final = {"from": "file"}
"""Context of validation: what people have written, in which a key without a value was forgotten."""


class Part(BaseModel):
    """A piece of a definition."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, str_strip_whitespace=True)

    @model_validator(mode="wrap")
    @classmethod
    def _known_keys_only(cls, data: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        """Refuse an unknown key by name, and in a file one without a value: what is ignored changes the meaning.

        What else is wrong is told with them, but for what follows from them.
        """
        if not isinstance(data, dict):
            return handler(data)
        known = [field.alias or name for name, field in cls.model_fields.items()]
        meant = {key: difflib.get_close_matches(str(key), known, n=1) for key in data if key not in known}
        empty = [key for key in known if key in data and data[key] is None] if info.context is FROM_A_FILE else []
        if not meant and not empty:
            return handler(data)
        problems = [_told(_unknown_key(str(key), near, known), str(key)) for key, near in meant.items()]
        problems += [_told(_EMPTY, key) for key in empty]
        try:
            handler({key: item for key, item in data.items() if key not in meant and key not in empty})
        except ValidationError as error:
            missed = {near for found in meant.values() for near in found} | set(empty)
            problems += [_again(details) for details in error.errors(include_url=False) if _stands(details, missed)]
        raise ValidationError.from_exception_data(cls.__name__, problems)


_EMPTY: Final = PydanticCustomError("empty_key", "nothing stands here: fill it in, or leave the key out")


def _told(error: PydanticCustomError, key: str) -> InitErrorDetails:
    return InitErrorDetails(type=error, loc=(key,), input=None)


def _unknown_key(key: str, near: list[str], known: list[str]) -> PydanticCustomError:
    advice = f"did you mean '{near[0]}'?" if near else f"known here: {', '.join(known)}"
    return PydanticCustomError("unknown_key", "unknown key '{key}'; {advice}", {"key": key, "advice": advice})


def _stands(details: ErrorDetails, missed: set[str]) -> bool:
    """Is this wrong whatever the unknown keys were meant to be?"""
    path = details["loc"]
    return bool(path) and not (details["type"] == "missing" and len(path) == 1 and path[0] in missed)


def _again(details: ErrorDetails) -> InitErrorDetails:
    """An error as it was told, to be told together with others."""
    context = {key: value for key, value in details.get("ctx", {}).items() if key in ("at", "key", "advice")}
    told = PydanticCustomError(details["type"], "{message}", {**context, "message": details["msg"]})
    return InitErrorDetails(type=told, loc=details["loc"], input=None)


class Threshold(Part):
    """How much it takes: exactly one of ``at_least``, ``above`` and ``below``."""

    at_least: Number | None = Field(default=None, description="This much, or more.")
    above: Number | None = Field(default=None, description="More than this.")
    below: Number | None = Field(default=None, description="Less than this.")
    start: Number | None = Field(default=None, description="Where it stood when progress was 0; 0 when left out.")

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
