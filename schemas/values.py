"""Values that several events share: money, dates of known precision, identities, closed word lists."""

import calendar
import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema


class Track(StrEnum):
    """The race an item moves: cheaper intelligence, its use, both, neither, or not known yet."""

    COST = "cost"
    APPLICATION = "application"
    BOTH = "both"
    NONE = "none"
    UNSURE = "unsure"


class Status(StrEnum):
    """How firm a happening is. ``announced`` and what follows it in FIRM count as having happened."""

    RUMOURED = "rumoured"
    IN_TALKS = "in talks"
    NON_BINDING = "non-binding"
    ANNOUNCED = "announced"
    SIGNED = "signed"
    CLOSED = "closed"
    PAUSED = "paused"
    TERMINATED = "terminated"
    DENIED = "denied"


FIRM: Final = frozenset({Status.ANNOUNCED, Status.SIGNED, Status.CLOSED})


class Precision(StrEnum):
    """How exactly a date is known."""

    DAY = "day"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


_DATE_FORMS: Final = re.compile(
    r"^(?P<year>\d{4})(?:-(?:Q(?P<quarter>[1-4])|(?P<month>\d{2})(?:-(?P<day>\d{2}))?))?$", re.ASCII
)


@dataclass(frozen=True, slots=True, order=True)
class PartialDate:
    """A date in the world with its precision: ``2026-04-16``, ``2026-04``, ``2026-Q2`` or ``2026``.

    ``first`` and ``last`` are the first and last day that it may mean.
    """

    first: date
    last: date
    precision: Precision

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one of the four forms; raises ValueError that names them for anything else."""
        match = _DATE_FORMS.match(text)
        if match is None:
            raise ValueError(f"{text!r} is no date: write 2026-04-16, 2026-04, 2026-Q2 or 2026")
        year = int(match["year"])
        if match["day"]:
            day = date(year, int(match["month"]), int(match["day"]))
            return cls(day, day, Precision.DAY)
        if match["month"]:
            return cls(*_months(year, int(match["month"]), 1), Precision.MONTH)
        if match["quarter"]:
            return cls(*_months(year, 3 * int(match["quarter"]) - 2, 3), Precision.QUARTER)
        return cls(*_months(year, 1, 12), Precision.YEAR)

    def __str__(self) -> str:
        match self.precision:
            case Precision.DAY:
                return self.first.isoformat()
            case Precision.MONTH:
                return self.first.isoformat()[:7]
            case Precision.QUARTER:
                return f"{self.first.isoformat()[:4]}-Q{(self.first.month + 2) // 3}"
            case Precision.YEAR:
                return self.first.isoformat()[:4]

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.json_or_python_schema(
            json_schema=core_schema.no_info_after_validator_function(cls.parse, core_schema.str_schema(max_length=10)),
            # One function, not a union of schemas: its error is one sentence, not one per branch.
            python_schema=core_schema.no_info_plain_validator_function(cls.of),
            serialization=core_schema.to_string_ser_schema(),
        )

    @classmethod
    def of(cls, value: Any) -> Self:
        """A partial date as it is, a date as that day, or one of the four forms; raises ValueError that names them."""
        if isinstance(value, cls):
            return value
        if isinstance(value, date) and not isinstance(value, datetime):
            return cls(value, value, Precision.DAY)
        return cls.parse(value if isinstance(value, str) else repr(value))

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {
            "type": "string",
            "pattern": r"^[0-9]{4}(-(Q[1-4]|[0-9]{2}(-[0-9]{2})?))?$",
            "description": "A date with its precision: 2026-04-16, 2026-04, 2026-Q2 or 2026.",
        }


def _months(year: int, month: int, count: int) -> tuple[date, date]:
    first = date(year, month, 1)
    end = month + count - 1
    return first, date(year, end, calendar.monthrange(year, end)[1])


class Qualifier(StrEnum):
    """What a stated number means."""

    EXACT = "exact"
    ABOUT = "about"
    UP_TO = "up_to"
    AT_LEAST = "at_least"


class Open(BaseModel):
    """A part of an event. Fields that this version does not know are kept, never dropped."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)


class Money(Open):
    """An amount as stated, in whole units of its currency (6.6e9, not 6.6 billion).

    Send ``value`` as a JSON string when it has more than 15 digits: JSON numbers are read as doubles.
    """

    value: Decimal = Field(max_digits=30)
    currency: str = Field(min_length=3, max_length=3, pattern="^[A-Z]{3}$", description="ISO 4217 code.")
    qualifier: Qualifier = Qualifier.EXACT


class Identity(Open):
    """The identity of another event."""

    source: str = Field(min_length=1, max_length=512)
    id: str = Field(min_length=1, max_length=512)

    def __str__(self) -> str:
        return f"{self.source}#{self.id}"


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
"""A name as written by the source; the registry resolves it to an organisation."""

Text = Annotated[str, StringConstraints(max_length=20_000)]
Url = Annotated[str, StringConstraints(max_length=4_000, pattern=r"^https?://")]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
"""A fraction between 0 and 1."""
