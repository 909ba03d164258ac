"""Rules for funding: amount against valuation, and amounts in the wrong unit."""

from typing import Final

from checks.cells import known_usd, money_of, money_ratio, money_text
from checks.rule import WARN, Cells, Checks, Rule, at_least
from schemas.events.funding import Funding
from schemas.outcomes import Classified

COLUMNS: Final = ("funding_valuation_to_amount", "funding_amount_usd")


def read(_: Funding, item: Classified) -> Cells:
    """One cell for each of COLUMNS."""
    amount = money_of(item, "amount")
    return (money_ratio(money_of(item, "valuation"), amount), known_usd(amount))


def _low_valuation(_: float, __: Funding, item: Classified) -> str:
    stated = ", ".join(money_text(money) for money in item.enriched.money)
    return f"the post-money valuation is less than the amount raised: {stated}"


RULES: Final = (
    Rule(
        "funding.valuation-below-amount",
        WARN,
        "funding_valuation_to_amount",
        at_least(1),
        _low_valuation,
    ),
    Rule(
        "funding.amount-tiny",
        WARN,
        "funding_amount_usd",
        at_least(10_000),
        "amount of {value:,.10g} USD is tiny; amounts are in whole units (6.6e9, not 6.6)",
    ),
)

CHECKS: Final = Checks(event=Funding, columns=COLUMNS, read=read, rules=RULES)
