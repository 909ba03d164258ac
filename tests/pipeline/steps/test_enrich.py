"""Enrich: organisations and money, and a warning for everything that is not known."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.steps.enrich import EnrichTools, enrich
from schemas.events import BY_TYPE
from schemas.outcomes import Enriched, Parsed
from tests.factories import make_parsed

TOOLS = EnrichTools.load()


def parsed(event_type: str, known_on: str = "2026-05-01", **fields: Any) -> Parsed:
    """An event as the parse step gives it."""
    data = {"title": "t", "occurred_on": "2026-04-17", **fields}
    event = BY_TYPE[event_type, 1].model_validate(data)
    return make_parsed(event, known_at=datetime.fromisoformat(known_on).replace(tzinfo=UTC))


def funding(currency: str = "EUR", known_on: str = "2026-05-01", **fields: Any) -> Enriched:
    amount = {"value": 600_000_000, "currency": currency, "qualifier": "about"}
    return enrich(parsed("funding", known_on, company="Mistral", amount=amount, **fields), TOOLS)


def rules(enriched: Enriched) -> list[str]:
    return [finding.rule for finding in enriched.warnings]


def test_organisations_are_resolved_with_their_topmost_parent() -> None:
    parties = [{"name": "Google DeepMind", "role": "buyer"}, {"name": "Cerebras Systems", "role": "supplier"}]
    deepmind, cerebras = enrich(parsed("deal", kind="compute supply", parties=parties), TOOLS).orgs
    assert (deepmind.name, deepmind.id, deepmind.parent) == ("Google DeepMind", "google-deepmind", "alphabet")
    assert (cerebras.id, cerebras.archetype, cerebras.country) == ("cerebras", "infrastructure disruptor", "US")
    assert cerebras.parent == "cerebras"


def test_an_unknown_organisation_lands_with_a_warning_that_names_it() -> None:
    enriched = enrich(parsed("headline", orgs=["Nobody & Sons", "OpenAI"]), TOOLS)
    assert [org.id for org in enriched.orgs] == [None, "openai"]
    assert rules(enriched) == ["unknown_organisation"]
    assert "'Nobody & Sons'" in enriched.warnings[0].reason


def test_money_is_converted_at_the_events_date() -> None:
    (money,) = funding().money
    assert (money.field, money.currency, money.qualifier) == ("amount", "EUR", "about")
    assert money.rate is not None
    assert money.rate_date == date(2026, 4, 17)
    assert money.usd == money.value * money.rate
    assert not funding().warnings


def test_dollars_stay_as_they_are() -> None:
    (money,) = funding("USD").money
    assert (money.usd, money.rate) == (Decimal(600_000_000), Decimal(1))


def test_a_coarse_date_means_its_last_day_but_not_one_after_it_was_known() -> None:
    (past,) = funding(occurred_on="2026-03").money
    (future,) = funding(occurred_on="2026", known_on="2026-04-16").money
    assert past.rate_date == date(2026, 3, 31)
    assert future.rate_date == date(2026, 4, 16)


@pytest.mark.parametrize("currency", ["TWD", "AED", "QQQ"])
def test_without_a_rate_the_usd_value_is_null_with_a_warning(currency: str) -> None:
    enriched = funding(currency)
    assert (enriched.money[0].usd, enriched.money[0].rate, enriched.money[0].rate_date) == (None, None, None)
    assert rules(enriched) == ["no_exchange_rate"]
    assert currency in enriched.warnings[0].reason


def test_an_old_rate_is_used_with_a_warning() -> None:
    enriched = funding(occurred_on="2099-01-05", known_on="2099-01-06")
    assert enriched.money[0].usd is not None
    assert enriched.money[0].rate_date == TOOLS.rates.last_day
    assert rules(enriched) == ["rate_is_old"]


def test_every_amount_of_a_deal_is_converted_under_its_own_field() -> None:
    tranches = [{"amount": {"value": 1, "currency": "EUR"}}, {"amount": {"value": 2, "currency": "TWD"}}]
    enriched = enrich(parsed("deal", kind="cloud", parties=[{"name": "AWS", "role": "s"}], tranches=tranches), TOOLS)
    assert [(money.field, money.usd is None) for money in enriched.money] == [
        ("tranches.0", False),
        ("tranches.1", True),
    ]


def test_the_parsed_event_is_kept_as_it_is() -> None:
    item = parsed("funding", company="Mistral")
    assert enrich(item, TOOLS).parsed is item


@given(
    names=st.lists(st.text(min_size=1, max_size=40).filter(str.strip), max_size=5),
    currency=st.from_regex("[A-Z]{3}", fullmatch=True),
    value=st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**20), max_value=10**20),
    day=st.dates(),
)
def test_never_raises_and_warns_exactly_for_what_is_not_known(
    names: list[str], currency: str, value: Decimal, day: date
) -> None:
    amount = {"value": str(value), "currency": currency}
    fields: dict[str, Any] = {"company": "OpenAI", "orgs": names, "amount": amount, "occurred_on": day.isoformat()}
    enriched = enrich(parsed("funding", **fields), TOOLS)
    unknown = [org for org in enriched.orgs if org.id is None]
    assert rules(enriched).count("unknown_organisation") == len(unknown)
    assert ("no_exchange_rate" in rules(enriched)) == (enriched.money[0].usd is None)
