"""Rules for every event: title, dates, money, identity, classification."""

import math
from collections.abc import Sequence
from typing import Final

from checks.cells import EARLIEST, LATEST, flag, money_text, number, usd_of
from checks.rule import ABSENT, REJECT, WARN, Cells, Checks, Rule, at_least, at_most, between
from registry.currencies import known_currencies
from schemas.events.base import Event
from schemas.outcomes import Classified, ConvertedMoney
from schemas.values import Identity

_DAY_SECONDS: Final = 86_400
CLOCK_TOLERANCE_DAYS: Final = 2
"""Time zones and late-evening news make a day of difference; more is a mistake."""
SCORE_TOLERANCE: Final = 0.001

COLUMNS: Final = (
    "title_length",
    "occurred_first",
    "occurred_last",
    "days_occurred_after_reported",
    "days_reported_after_known",
    "money_lowest",
    "money_highest_usd",
    "unknown_currencies",
    "corrects_itself",
    "retracts_itself",
    "score_sum",
)


def read(event: Event, item: Classified) -> Cells:
    """One cell for each of COLUMNS."""
    parsed = item.enriched.parsed
    reported_at = parsed.reported_at
    occurred = event.occurred_on
    first = occurred.first.toordinal()
    lowest, highest, unknown = _money_cells(item.enriched.money)
    return (
        len(event.title.strip()),
        first,
        occurred.last.toordinal(),
        first - reported_at.toordinal(),
        reported_at.timestamp() / _DAY_SECONDS - parsed.record.timestamp_ms / (_DAY_SECONDS * 1000),
        lowest,
        highest,
        unknown,
        _itself(event.corrects, item),
        _itself(event.retracts, item),
        number(math.fsum(item.scores.values())),
    )


def _money_cells(money: Sequence[ConvertedMoney]) -> Cells:
    """Lowest amount as stated, highest in USD, number of currencies that do not exist."""
    if not money:
        return (None, None, None)
    known = known_currencies()
    return (
        number(min(part.value for part in money)),
        max(map(usd_of, money)),
        sum(part.currency not in known for part in money) or None,
    )


def _itself(target: Identity | None, item: Classified) -> float | None:
    if target is None:
        return None
    envelope = item.parsed.envelope
    return flag((target.source, target.id) == (envelope.source, envelope.id))


def _negative_money(_: float, __: Event, item: Classified) -> str:
    found = [money_text(money) for money in item.enriched.money if money.value < 0]
    return f"{', '.join(found)} is negative"


def _large_money(_: float, __: Event, item: Classified) -> str:
    largest = max(item.enriched.money, key=usd_of)
    rated = "no exchange rate" if largest.usd is None else f"{usd_of(largest):.3g} USD"
    return f"{money_text(largest)} ({rated}) is too much to be true; check the unit"


def _huge_money(_: float, __: Event, item: Classified) -> str:
    return f"{money_text(max(item.enriched.money, key=usd_of))} is more than a trillion USD; check the unit"


def _unknown_currency(_: float, __: Event, item: Classified) -> str:
    known = known_currencies()
    found = [f"{money.currency} (in {money.field})" for money in item.enriched.money if money.currency not in known]
    return f"{', '.join(found)} is no ISO 4217 currency code"


RULES: Final = (
    Rule("common.title-blank", REJECT, "title_length", at_least(1), "title is blank"),
    Rule(
        "common.occurred-too-early",
        REJECT,
        "occurred_first",
        at_least(EARLIEST),
        "occurred_on {event.occurred_on} is before 1950-01-01; check the century",
    ),
    Rule(
        "common.occurred-too-late",
        REJECT,
        "occurred_last",
        at_most(LATEST),
        "occurred_on {event.occurred_on} is after 2100-12-31; check the century",
    ),
    Rule(
        "common.occurred-after-reported",
        WARN,
        "days_occurred_after_reported",
        at_most(CLOCK_TOLERANCE_DAYS),
        "occurred_on {event.occurred_on} is {value:.0f} days after the report ({item.parsed.reported_at:%Y-%m-%d})",
    ),
    Rule(
        "common.reported-after-known",
        WARN,
        "days_reported_after_known",
        at_most(CLOCK_TOLERANCE_DAYS),
        "reported {item.parsed.reported_at:%Y-%m-%d %H:%M}, {value:.0f} days after it came in; check the clock",
    ),
    Rule("common.money-negative", REJECT, "money_lowest", at_least(0), _negative_money),
    Rule("common.money-impossible", REJECT, "money_highest_usd", at_most(1e15), _large_money),
    Rule("common.money-huge", WARN, "money_highest_usd", at_most(1e12), _huge_money),
    Rule("common.currency-unknown", REJECT, "unknown_currencies", ABSENT, _unknown_currency),
    Rule("common.corrects-itself", REJECT, "corrects_itself", ABSENT, "it corrects itself ({event.corrects})"),
    Rule("common.retracts-itself", REJECT, "retracts_itself", ABSENT, "it retracts itself ({event.retracts})"),
    Rule(
        "common.scores-sum",
        REJECT,
        "score_sum",
        between(1 - SCORE_TOLERANCE, 1 + SCORE_TOLERANCE),
        "the scores of its tracks sum to {value:.4g}, not to 1: the classifier is at fault, not the event",
    ),
)

CHECKS: Final = Checks(event=None, columns=COLUMNS, read=read, rules=RULES)
