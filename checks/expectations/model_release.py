"""Rules for model releases: prices and context window."""

from typing import Final

from checks.cells import money_of, money_ratio, money_text, number, usd_of
from checks.rule import REJECT, WARN, Cells, Checks, Rule, at_most, between, none_of
from schemas.events.model_release import ModelRelease
from schemas.outcomes import Classified

COLUMNS: Final = (
    "price_lowest",
    "price_highest_usd",
    "price_output_to_input",
    "price_cached_to_input",
    "context_window",
)


def read(event: ModelRelease, item: Classified) -> Cells:
    """One cell for each of COLUMNS."""
    context = number(event.context_window)
    prices = item.enriched.money
    if not prices:
        return (None, None, None, None, context)
    into, out = money_of(item, "price.input"), money_of(item, "price.output")
    return (
        number(min((price.value for price in (into, out) if price is not None), default=None)),
        max(map(usd_of, prices)),
        # A price of zero has a rule of its own.
        money_ratio(out, into) or None,
        money_ratio(money_of(item, "price.cached_input"), into),
        context,
    )


def _prices(item: Classified) -> str:
    return ", ".join(money_text(money) for money in item.enriched.money)


def _zero_price(_: float, __: ModelRelease, item: Classified) -> str:
    return f"a price is 0 ({_prices(item)}): free, or missing? Leave out what is not known"


def _impossible_price(value: float, event: ModelRelease, item: Classified) -> str:
    unit = event.price.unit if event.price else "unit"
    return f"a price is {value:.3g} USD per {unit} ({_prices(item)}); check the unit"


def _odd_prices(value: float, _: ModelRelease, item: Classified) -> str:
    return f"output costs {value:.3g} times as much as input ({_prices(item)}); are they swapped?"


RULES: Final = (
    Rule("model-release.price-zero", WARN, "price_lowest", none_of(0), _zero_price),
    Rule("model-release.price-impossible", REJECT, "price_highest_usd", at_most(1e8), _impossible_price),
    Rule("model-release.price-ratio", WARN, "price_output_to_input", between(1, 100), _odd_prices),
    Rule(
        "model-release.cached-dearer",
        WARN,
        "price_cached_to_input",
        at_most(1),
        "cached input costs {value:.3g} times as much as input; are they swapped?",
    ),
    Rule(
        "model-release.context-window",
        WARN,
        "context_window",
        between(256, 100_000_000),
        "a context window of {value:,.15g} tokens is implausible; was it stated in thousands?",
    ),
)

CHECKS: Final = Checks(event=ModelRelease, columns=COLUMNS, read=read, rules=RULES)
