"""Reading headlines: what is plain becomes a typed event, everything else stays a headline."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.steps.read_headline import read_headline
from schemas.events import Deal, Funding, Headline
from schemas.outcomes import Parsed
from tests.factories import make_parsed


def headline(title: str, **fields: Any) -> Parsed:
    data = {"title": title, "occurred_on": "2026-04-17", "publisher": "Reuters", **fields}
    return make_parsed(Headline.model_validate(data), id="h-1", source="feed")


def funding(title: str) -> Funding:
    read = read_headline(headline(title))
    assert read is not None
    assert isinstance(read.event, Funding)
    return read.event


@pytest.mark.parametrize(
    ("title", "company", "value", "currency", "qualifier", "round_"),
    [
        ("Anthropic raises $5 billion", "Anthropic", 5_000_000_000, "USD", "exact", None),
        ("AI startup Harvey raises $160M Series F", "Harvey", 160_000_000, "USD", "exact", "series F"),
        ("Mistral AI secures more than €600mn in funding", "Mistral AI", 600_000_000, "EUR", "at_least", None),
        (
            "ElevenLabs raised $550M+ in its Series D, its CEO says",
            "ElevenLabs",
            550_000_000,
            "USD",
            "at_least",
            "series D",
        ),
        ("Chipmaker Tenstorrent closes about $1.2bn round", "Tenstorrent", 1_200_000_000, "USD", "about", None),
        ("Amazon-backed Anthropic raises £1,500 million in bonds", "Anthropic", 1_500_000_000, "GBP", "exact", "debt"),
        (
            "Nvidia-backed Reflection AI raises $2B to build open models",
            "Reflection AI",
            2_000_000_000,
            "USD",
            "exact",
            None,
        ),
    ],
)
def test_a_plain_round_is_read(
    title: str, company: str, value: int, currency: str, qualifier: str, round_: str | None
) -> None:
    event = funding(title)
    assert event.amount is not None
    assert (event.company, int(event.amount.value), event.amount.currency) == (company, value, currency)
    assert (event.amount.qualifier, event.round) == (qualifier, round_)


def test_valuation_and_lead_are_read_where_they_are_stated() -> None:
    event = funding("Cursor raises $2.3 billion at a $29.3 billion valuation, led by Thrive Capital")
    assert event.valuation is not None
    assert (int(event.valuation.value), event.lead) == (29_300_000_000, "Thrive Capital")


@pytest.mark.parametrize(
    ("title", "buyer", "target", "value", "status"),
    [
        ("Cognition acquires Windsurf", "Cognition", "Windsurf", None, "announced"),
        (
            "CoreWeave to Buy Core Scientific in $9 Billion Stock Deal",
            "CoreWeave",
            "Core Scientific",
            9_000_000_000,
            "announced",
        ),
        (
            "Meta agrees to acquire AI startup Manus for more than $2 billion",
            "Meta",
            "Manus",
            2_000_000_000,
            "announced",
        ),
        ("Canva acquires Runway to boost its video efforts", "Canva", "Runway", None, "announced"),
        ("AMD completes its acquisition of Tenstorrent", "AMD", "Tenstorrent", None, "closed"),
    ],
)
def test_a_plain_takeover_is_read(title: str, buyer: str, target: str, value: int | None, status: str) -> None:
    read = read_headline(headline(title))
    assert read is not None
    event = read.event
    assert isinstance(event, Deal)
    assert [(party.name, party.role) for party in event.parties] == [(buyer, "acquirer"), (target, "target")]
    assert (event.amount.value if event.amount else None, event.status, event.kind) == (value, status, "acquisition")


@pytest.mark.parametrize(
    "title",
    [
        "Sources: Anthropic raises $5 billion",
        "Anthropic in talks to raise $5 billion",
        "Anthropic seeks to raise $5 billion",
        "Why Anthropic raised $5 billion",
        "Anthropic raises $5 billion?",
        "Rival of OpenAI raises $2 billion",  # not OpenAI
        "Nobody & Sons raises $2 billion",  # not in the registry
        "Former OpenAI researchers' startup raises $2 billion",
        "TSMC raises 2026 outlook on AI demand",
        "OpenAI raises prices by $10",
        "OpenAI raises $10 a month price",
        "Palantir lands $200M Pentagon contract",
        "Anthropic lands $200M from the Pentagon",  # a contract
        "Nvidia raises $5 billion stake in Intel",
        "OpenAI and Anthropic raise $5 billion each",
        "DeepSeek raises ¥5 billion",  # yen or yuan?
        "DeepSeek raises HK$5 billion",
        "OpenAI could acquire Cursor for $3 billion",
        "OpenAI tried to buy Cursor",
        "Amazon to buy Nvidia chips",
        "Amazon to buy Nvidia, AMD chips",
        "Amazon buys Nvidia in bulk",
        "Apple buys Canadian AI startup as it races to add features",
        "Meta buys Facebook",  # one organisation
        "Saudi Arabia and UAE race to buy Nvidia chips",
        "Nvidia buys $2 billion stake in Synopsys",
        "OpenAI does not acquire Cursor",
    ],
)
def test_what_is_not_plain_stays_a_headline(title: str) -> None:
    assert read_headline(headline(title)) is None


def test_the_typed_event_keeps_input_and_identity_and_says_what_it_was_read_from() -> None:
    item = headline("AI startup Harvey raises $160M Series F", section="business")
    read = read_headline(item)
    assert read is not None
    assert (read.record, read.envelope, read.reported_at) == (item.record, item.envelope, item.reported_at)
    assert (read.event.event_type, str(read.event.derived_from)) == ("funding", "feed#h-1")
    assert read.data["read_from"] == {"company": "AI startup Harvey", "amount": "$160M", "round": "Series F"}
    assert read.data["section"] == "business"
    assert read.event.model_dump()["section"] == "business"
    assert "company" not in item.data


@pytest.mark.parametrize(
    "fields", [{"status": "rumoured"}, {"retracts": {"source": "feed", "id": "0"}}, {"round_id": 1}]
)
def test_a_headline_that_says_more_than_its_title_is_left_alone(fields: dict[str, Any]) -> None:
    read = read_headline(headline("Anthropic raises $5 billion", **fields))
    assert (read is None) == ("round_id" not in fields)


def test_a_field_of_the_same_name_with_another_meaning_is_no_fault() -> None:
    assert read_headline(headline("Anthropic raises $5 billion", investors=3)) is None


def test_typed_events_are_not_read_again() -> None:
    read = read_headline(headline("Anthropic raises $5 billion"))
    assert read is not None
    assert read_headline(read) is None


@given(st.text(min_size=1, max_size=400))
def test_no_text_is_a_fault(title: str) -> None:
    read = read_headline(headline(title))
    assert read is None or read.event.title == title


@given(
    company=st.sampled_from(["OpenAI", "Anthropic", "Groq", "Mistral AI", "Hugging Face", "月之暗面"]),
    number=st.integers(1, 999),
    scale=st.sampled_from([("M", 10**6), (" million", 10**6), ("bn", 10**9), (" Billion", 10**9), ("tn", 10**12)]),
    sign=st.sampled_from([("$", "USD"), ("€", "EUR"), ("£", "GBP"), ("US$", "USD")]),
    tail=st.sampled_from(["", " Series B", " in seed funding", ", led by Sequoia", " from SoftBank"]),
)
def test_an_amount_is_read_as_it_is_written(
    company: str, number: int, scale: tuple[str, int], sign: tuple[str, str], tail: str
) -> None:
    event = funding(f"{company} raises {sign[0]}{number}{scale[0]}{tail}")
    assert event.amount is not None
    assert (event.company, int(event.amount.value), event.amount.currency) == (company, number * scale[1], sign[1])


@given(st.sampled_from(["sources", "talks", "plans", "could", "may", "reportedly", "not"]), st.integers(0, 3))
def test_a_hedge_anywhere_keeps_it_a_headline(hedge: str, at: int) -> None:
    words = ["Anthropic", "raises", "$5B", "from SoftBank"]
    assert read_headline(headline(" ".join([*words[:at], hedge, *words[at:]]))) is None
