"""Do two stated values agree? Rounding and words like "more than" are respected; a factor of ten is suspected.

**The rule.** A value stands for a range: itself, give or take half a unit of its last stated digit, though never
coarser than the second digit (6.6 billion is 6.55 to 6.65; 20 billion is 19.5 to 20.5). "More than" opens the range
upwards, "up to" downwards, "about" widens it by a tenth. Two values agree when their ranges share more than an end.
Money in two currencies is compared in USD at the events' dates, each range wider by 5 %, for nobody says at what rate.

**Suspected unit error.** One stated value is 10, 100 or 1,000 times the other, give or take 1 %. Whatever else they
say, one of the two has probably slipped a unit; so "more than 20 billion" and "more than 200 billion" conflict.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

FACTORS: Final = (10, 100, 1000)

_ABOUT: Final = Decimal("0.1")
_RATES: Final = Decimal("0.05")
_SLIP: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Stated:
    """A value as one report states it."""

    value: Decimal
    qualifier: str = "exact"
    currency: str | None = None
    usd: Decimal | None = None

    def bounds(self, *, in_usd: bool) -> tuple[Decimal, Decimal]:
        """The range that it stands for, exact ends included."""
        value = self.usd if in_usd and self.usd is not None else self.value
        slack = _rounding(self.value) * (abs(value / self.value) if self.value else 1)
        if in_usd and self.currency != "USD":
            slack += abs(value) * _RATES
        if self.qualifier == "about":
            slack += abs(value) * _ABOUT
        low = Decimal("-Infinity") if self.qualifier == "up_to" else value - slack
        high = Decimal("Infinity") if self.qualifier == "at_least" else value + slack
        return low, high


def agree(one: Stated, other: Stated) -> bool | None:
    """Can both be right? None where they cannot be compared: there is no rate of exchange."""
    in_usd = one.currency != other.currency
    if in_usd and (one.usd is None or other.usd is None):
        return None
    if unit_error(one, other) is not None:
        return False
    if not in_usd and one.value == other.value:
        return True
    (low, high), (other_low, other_high) = (each.bounds(in_usd=in_usd) for each in (one, other))
    return max(low, other_low) < min(high, other_high)


def unit_error(one: Stated, other: Stated) -> int | None:
    """10, 100 or 1,000 where one value is that many times the other; None otherwise, or where they are incomparable."""
    in_usd = one.currency != other.currency
    values = [each.usd if in_usd else each.value for each in (one, other)]
    if None in values or 0 in values:
        return None
    small, large = sorted(abs(value) for value in values if value is not None)
    return next((factor for factor in FACTORS if abs(large / small / factor - 1) <= _SLIP), None)


def camps(values: Sequence[Stated]) -> list[list[int]]:
    """The values (by place) that agree with one another, those that most agree with first; one camp: no conflict.

    Agreeing is no equivalence: "more than 20" agrees with 25 and with 30, which do not agree. Each value joins the
    first camp of which it agrees with all, the narrowest ranges first.
    """
    found: list[list[int]] = []
    stated: list[list[Stated]] = []
    """Of each camp its different values: hundreds of reports of one happening mostly repeat one another."""
    camp_of: dict[Stated, int] = {}
    for place in sorted(range(len(values)), key=lambda one: (values[one].qualifier in ("up_to", "at_least"), one)):
        value = values[place]
        if value not in camp_of:
            joins = (camp for camp, known in enumerate(stated) if all(agree(value, one) is not False for one in known))
            camp_of[value] = next(joins, len(found))
            if camp_of[value] == len(found):
                found.append([])
                stated.append([])
            stated[camp_of[value]].append(value)
        found[camp_of[value]].append(place)
    return sorted(([*sorted(camp)] for camp in found), key=lambda camp: (-len(camp), camp))


def _rounding(value: Decimal) -> Decimal:
    """Half a unit of the last digit that is stated, though never coarser than the second digit."""
    if not value:
        return Decimal(0)
    digits = len(value.normalize().as_tuple().digits)
    first = value.adjusted()
    return Decimal(5).scaleb(first - max(digits, 2))
