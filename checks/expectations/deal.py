"""Rules for deals: who is on which side, stakes, tranches, term, capacity."""

from collections import Counter
from decimal import Decimal
from typing import Final

from checks.cells import flag, known_usd, money_of, number, ratio
from checks.rule import ABSENT, REJECT, WARN, Cells, Checks, Rule, at_least, at_most
from schemas.events.deal import Deal, Equity
from schemas.outcomes import Classified

COLUMNS: Final = (
    "deal_party_repeated",
    "deal_largest_stake",
    "deal_tranches_to_amount",
    "deal_days_to_end",
    "deal_capacity_gw",
    "deal_amount_usd",
)


def read(event: Deal, item: Classified) -> Cells:
    """One cell for each of COLUMNS."""
    return (
        flag(bool(len(event.parties) > 1 and _repeated(event, item))),
        _largest_stake(event.equity or ()),
        _tranches_to_amount(item) if event.tranches else None,
        None if event.until is None else event.until.toordinal() - event.occurred_on.first.toordinal(),
        number(event.capacity_gw),
        known_usd(money_of(item, "amount")),
    )


def _repeated(event: Deal, item: Classified) -> list[str]:
    """Organisations that are a party more than once, by any of their names."""
    ids = {org.name: org.id for org in item.enriched.orgs}
    count = Counter(ids.get(party.name) or party.name.casefold() for party in event.parties)
    return [who for who, times in count.items() if times > 1]


def _largest_stake(stakes: tuple[Equity, ...]) -> float | None:
    """The largest part of one issuer that changes hands in all."""
    total: Counter[str] = Counter()
    for stake in stakes:
        if stake.max_share is not None:
            total[stake.issuer] += stake.max_share  # type: ignore[assignment]  # Counter is typed for int alone
    return max(total.values(), default=None)


def _tranches_to_amount(item: Classified) -> float | None:
    """Sum of the tranches as a multiple of the amount: as stated in one currency, else in USD."""
    amount = money_of(item, "amount")
    parts = [money for money in item.enriched.money if money.field.startswith("tranches.")]
    if amount is None or not parts:
        return None
    if all(part.currency == amount.currency for part in parts):
        return ratio(sum((part.value for part in parts), Decimal()), amount.value)
    rated = [part.usd for part in parts if part.usd is not None]
    return ratio(sum(rated, Decimal()), amount.usd)


def _same_party(_: float, event: Deal, item: Classified) -> str:
    roles = ", ".join(f"{party.name} ({party.role})" for party in event.parties)
    return f"{', '.join(_repeated(event, item))} is a party more than once: {roles}"


RULES: Final = (
    Rule("deal.same-party-twice", WARN, "deal_party_repeated", ABSENT, _same_party),
    Rule(
        "deal.stake-over-whole",
        REJECT,
        "deal_largest_stake",
        at_most(1 + 1e-9),
        "its stakes add up to {value:.1%} of one issuer, more than there is",
    ),
    Rule(
        "deal.tranches-exceed-amount",
        WARN,
        "deal_tranches_to_amount",
        # Stated amounts are rounded.
        at_most(1.01),
        "its tranches add up to {value:.3g} times its amount",
    ),
    Rule(
        "deal.ends-before-start",
        WARN,
        "deal_days_to_end",
        at_least(0),
        "it runs until {event.until}, before it occurred ({event.occurred_on})",
    ),
    Rule(
        "deal.capacity-impossible",
        REJECT,
        "deal_capacity_gw",
        at_most(1000),
        "capacity of {value:g} GW is more than a large country's; was it stated in MW or kW?",
    ),
    Rule(
        "deal.capacity-large",
        WARN,
        "deal_capacity_gw",
        at_most(20),
        "capacity of {value:g} GW is more than any one site; was it stated in MW?",
    ),
    Rule(
        "deal.amount-tiny",
        WARN,
        "deal_amount_usd",
        at_least(10_000),
        "amount of {value:,.10g} USD is tiny; amounts are in whole units (6.6e9, not 6.6)",
    ),
)

CHECKS: Final = Checks(event=Deal, columns=COLUMNS, read=read, rules=RULES)
