"""What reports are compared by."""

from datetime import date
from typing import Any

from schemas.topics import EVENT_TYPES
from stories.rules import RULES, Facts, Signature, signature

DAY = date(2026, 4, 16)


def signed(event_type: str, first: date = DAY, last: date = DAY, **data: Any) -> Signature:
    ids = {"OpenAI": "openai", "Open AI": "openai", "Cerebras Systems": "cerebras", "SoftBank": "softbank"}
    return signature(Facts(event_type, data, ids, first, last))


def deal(*parties: tuple[str, str], kind: str = "compute supply") -> str | None:
    return signed("deal", kind=kind, parties=[{"name": name, "role": role} for name, role in parties]).key


def test_every_type_but_the_headline_has_a_rule() -> None:
    assert RULES.keys() == set(EVENT_TYPES) - {"headline"}
    assert signed("headline", title="whatever").key is None


def test_a_deal_is_its_kind_and_its_two_sides_whatever_they_are_called() -> None:
    one = deal(("OpenAI", "lab"), ("Cerebras Systems", "designer"))
    assert one == deal(("Cerebras Systems", "supplier"), ("Open AI", "Buyer"))
    assert one == deal(("OpenAI", "lab"), ("Cerebras Systems", "designer"), ("SoftBank", "investor"))
    assert one != deal(("OpenAI", "lab"), ("Cerebras Systems", "designer"), kind="licence")
    assert one != deal(("OpenAI", "lab"), ("A Stranger", "designer"))


def test_where_one_side_is_not_named_all_parties_count() -> None:
    assert deal(("OpenAI", "lab"), ("SoftBank", "investor")) != deal(("OpenAI", "lab"), ("A Fund", "investor"))


def test_an_unknown_name_is_compared_without_case_legal_form_and_punctuation() -> None:
    assert signed("funding", company="Acme, Inc.").key == signed("funding", company="ACME").key
    assert signed("funding", company="!!!").key != signed("funding", company="???").key


def test_what_is_not_stated_is_no_detail() -> None:
    assert signed("funding", company="Acme", round=None).details == {}
    assert signed("funding", company="Acme", round="Series B").details == {"round": "seriesb"}


def test_what_is_dated_by_its_year_joins_only_others_of_that_date() -> None:
    year, quarter = (date(2026, 1, 1), date(2026, 12, 31)), (date(2026, 4, 1), date(2026, 6, 30))
    assert signed("funding", *year, company="A").key != signed("funding", company="A").key
    assert signed("funding", *year, company="A").days == 0
    assert signed("funding", *quarter, company="A").key == signed("funding", company="A").key


def test_values_of_a_metric_are_compared_for_the_same_dates_only() -> None:
    march, april = (date(2026, 3, 1), date(2026, 3, 31)), (date(2026, 4, 1), date(2026, 4, 30))
    about: dict[str, Any] = {"subject": "OpenAI", "metric": "revenue", "unit": "USD"}
    assert signed("metric", *march, **about).key != signed("metric", *april, **about).key
    assert signed("metric", *march, **about).key == signed("metric", *march, **about, value="3").key
