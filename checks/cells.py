"""From fields of an event to cells of the frame: plain floats that never raise and never hide a value."""

import math
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Final, overload

from schemas.outcomes import Classified, ConvertedMoney
from schemas.values import PartialDate

EARLIEST: Final = date(1950, 1, 1).toordinal()
LATEST: Final = date(2100, 12, 31).toordinal()
_MIDDLE: Final = (EARLIEST + LATEST) / 2

WEAKEST_CURRENCY_USD: Final = 1e-6
"""USD for one unit where there is no rate: below any currency in use, so that only what is absurd in all is refused."""

PERCENT_UNITS: Final = ("%", "percent", "per cent", "pct")
_NOT_PERCENT: Final = ("percentage point", "percent point", "percentile")


@overload
def number(value: Decimal | float) -> float: ...
@overload
def number(value: None) -> None: ...
@overload
def number(value: Decimal | float | None) -> float | None: ...
def number(value: Decimal | float | None) -> float | None:
    """A float. Too large becomes infinite; not-a-number too, since a null would be skipped, that is, pass."""
    if value is None:
        return None
    try:
        cell = float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    return math.inf if math.isnan(cell) else cell


def flag(wrong: bool) -> float | None:
    """1 where something is wrong, else null: for rules that expect no value at all."""
    return 1.0 if wrong else None


def ratio(upper: Decimal | float | None, lower: Decimal | float | None) -> float | None:
    """``upper / lower`` where both are there and ``lower`` is positive."""
    above, below = number(upper), number(lower)
    if above is None or below is None or below <= 0:
        return None
    return number(above / below) if math.isfinite(below) else None


def farthest_day(days: Iterable[date | None]) -> float | None:
    """The ordinal of the day that lies farthest from the calendar's plausible part; null where there is none."""
    return max((d.toordinal() for d in days if d is not None), key=lambda n: abs(n - _MIDDLE), default=None)


def ends(when: PartialDate | None) -> tuple[date | None, ...]:
    """First and last day of a date that may be missing."""
    return () if when is None else (when.first, when.last)


def day_text(ordinal: float) -> str:
    """An ordinal as an ISO date."""
    return date.fromordinal(int(ordinal)).isoformat()


def money_of(item: Classified, field: str) -> ConvertedMoney | None:
    """The money in that field of the event."""
    return next((money for money in item.enriched.money if money.field == field), None)


def usd_of(money: ConvertedMoney) -> float:
    """In USD; where there is no rate, a lower bound that holds for every currency."""
    return number(money.usd) if money.usd is not None else number(money.value) * WEAKEST_CURRENCY_USD


def known_usd(money: ConvertedMoney | None) -> float | None:
    """In USD, null where there is no rate."""
    return None if money is None else number(money.usd)


def money_ratio(upper: ConvertedMoney | None, lower: ConvertedMoney | None) -> float | None:
    """How many times ``lower`` goes into ``upper``: as stated in one currency, else in USD."""
    if upper is None or lower is None:
        return None
    if upper.currency == lower.currency:
        return ratio(upper.value, lower.value)
    return ratio(upper.usd, lower.usd)


def money_text(money: ConvertedMoney) -> str:
    """Field, amount and currency, for people."""
    return f"{money.field} {money.value.normalize():,f} {money.currency}"


def is_percent(unit: str) -> bool:
    """Is it a percentage ("percent correct" too), not points or a percentile?"""
    plain = unit.strip().casefold()
    return plain.startswith(PERCENT_UNITS) and not plain.startswith(_NOT_PERCENT)
