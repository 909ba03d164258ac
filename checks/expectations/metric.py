"""Rules for metrics: ranges, shares, and metrics without a quantity."""

from decimal import Decimal
from typing import Final

from checks.cells import flag, is_percent, number
from checks.rule import ABSENT, REJECT, WARN, Cells, Checks, Rule, at_least, between
from schemas.events.metric import Metric
from schemas.outcomes import Classified

COLUMNS: Final = ("metric_range_width", "metric_share_percent", "metric_off_range", "metric_empty")

_FRACTION_UNITS: Final = frozenset({"fraction", "share"})
_CHANGES: Final = ("growth", "change", "increase", "decrease", "rise", "drop", "return", "margin")
"""Words of percentages that are no shares of a whole: these may be negative or above 100."""


def read(event: Metric, _: Classified) -> Cells:
    """One cell for each of COLUMNS."""
    value, low, high = event.value, event.low, event.high
    stated = [part for part in (value, low, high) if part is not None]
    return (
        number(high - low) if low is not None and high is not None else None,
        _share(event, stated),
        flag(value is not None and ((low is not None and value < low) or (high is not None and value > high))),
        flag(not stated and event.amount is None),
    )


def _share(event: Metric, stated: list[Decimal]) -> float | None:
    """The stated number that is farthest from being a share, in percent; null where the metric is no share."""
    scale = _scale(event)
    if scale is None or not stated:
        return None
    return max((float(part) * scale for part in stated), key=lambda share: abs(share - 50))


def _scale(event: Metric) -> float | None:
    name = event.metric.casefold()
    if any(word in name for word in _CHANGES) or not (event.denominator or "share" in name):
        return None
    if is_percent(event.unit):
        return 1
    return 100 if event.unit.strip().casefold() in _FRACTION_UNITS else None


RULES: Final = (
    Rule(
        "metric.range-reversed",
        REJECT,
        "metric_range_width",
        at_least(0),
        "low {event.low} is above high {event.high}",
    ),
    Rule(
        "metric.share-out-of-range",
        REJECT,
        "metric_share_percent",
        between(0, 100),
        "a share of {value:g} percent ({event.metric}, in {event.unit}) is not between 0 and 100",
    ),
    Rule(
        "metric.value-off-range",
        WARN,
        "metric_off_range",
        ABSENT,
        "value {event.value} is outside its own range {event.low} to {event.high}",
    ),
    Rule("metric.no-quantity", WARN, "metric_empty", ABSENT, "it states no value, range or amount"),
)

CHECKS: Final = Checks(event=Metric, columns=COLUMNS, read=read, rules=RULES)
