"""Money as the tables hold it: DECIMAL with 6 places, rates with 12, both of 38 digits in all."""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from typing import Any, Final

from schemas.outcomes import ConvertedMoney

DIGITS: Final = 38
_EXACT: Final = Context(prec=80, rounding=ROUND_HALF_EVEN)
_AMOUNT: Final = Decimal("1e-6")
_RATE: Final = Decimal("1e-12")


def money_rows(money: Sequence[ConvertedMoney]) -> list[dict[str, Any]]:
    """The structs of the column ``money``."""
    with localcontext(_EXACT):
        return [
            {
                "field": one.field,
                "value": _rounded(one.value, _AMOUNT),
                "currency": one.currency,
                "qualifier": one.qualifier,
                "usd": _rounded(one.usd, _AMOUNT),
                "rate": _rounded(one.rate, _RATE),
                "rate_date": one.rate_date,
            }
            for one in money
        ]


def usd_of(rows: Sequence[dict[str, Any]], field: str) -> Decimal | None:
    """USD of one field; None where the event does not have it or there is no rate."""
    return next((row["usd"] for row in rows if row["field"] == field), None)


def _rounded(value: Decimal | None, step: Decimal) -> Decimal | None:
    """Rounded to the column's places; None where the column cannot hold it. The event's data keeps what was stated."""
    too_large = DIGITS + step.adjusted()
    if value is None or not value.is_finite() or value.adjusted() >= too_large:
        return None
    rounded = value.quantize(step)
    return rounded if rounded.adjusted() < too_large else None
