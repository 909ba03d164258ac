"""Classify: the seed's events come out on their tracks, and every verdict can be taken apart."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.steps.classify import MOST_EVIDENCE, THRESHOLD, ClassifyTools, classify
from pipeline.steps.enrich import EnrichTools, enrich
from schemas.events import BY_TYPE
from schemas.outcomes import Classified
from schemas.topics import EVENT_TYPES
from schemas.values import Track
from tests.factories import make_parsed

ENRICH = EnrichTools.load()
TOOLS = ClassifyTools.load()
KNOWN = datetime(2026, 5, 1, tzinfo=UTC)

LEAST: dict[str, dict[str, Any]] = {
    "deal": {"kind": "other", "parties": [{"name": "A", "role": "a"}]},
    "model-release": {"kind": "model", "developer": "A", "model": "M"},
    "benchmark": {"benchmark": "B", "model": "M", "score": 1, "unit": "percent"},
    "funding": {"company": "A"},
    "metric": {"subject": "A", "metric": "m", "unit": "u"},
    "incident": {"system": "S"},
    "policy": {"jurisdiction": "EU", "instrument": "I"},
    "headline": {},
}
"""The fewest fields that each event type needs."""


def verdict(event_type: str, title: str, **fields: Any) -> Classified:
    """The verdict on an event with these fields and the fewest others."""
    data = {"title": title, "occurred_on": "2026-04-17", **LEAST[event_type], **fields}
    parsed = make_parsed(BY_TYPE[event_type, 1].model_validate(data), known_at=KNOWN)
    return classify(enrich(parsed, ENRICH), TOOLS)


def party(name: str, role: str) -> dict[str, str]:
    return {"name": name, "role": role}


SEED = [
    ("cost", "deal", "OpenAI and Cerebras agree on a multi-year compute partnership",
     {"kind": "compute supply", "parties": [party("OpenAI", "buyer"), party("Cerebras Systems", "supplier")],
      "amount": {"value": 2e11, "currency": "USD", "qualifier": "at_least"}}),
    ("none", "benchmark", "The best US and Chinese models are 2.7 % apart",
     {"benchmark": "MMLU", "model": "best US model", "compared_with": "best Chinese model", "score": 2.7}),
    ("application", "model-release", "Anthropic brings out Claude Opus 4.7",
     {"developer": "Anthropic", "model": "Claude Opus 4.7", "price": {"input": {"value": 5, "currency": "USD"}},
      "summary": "With it comes an initiative to evaluate cyber risks formally."}),
    ("application", "model-release", "Google brings real-time AI features to Android developers",
     {"kind": "feature", "developer": "Google", "model": "Gemini"}),
    ("application", "model-release", "NVIDIA presents Lyra 2.0: coherent 3D worlds from one image",
     {"developer": "NVIDIA", "model": "Lyra", "model_version": "2.0",
      "summary": "A research model for embodied AI and the training of agents."}),
    ("application", "deal", "Tinder integrates identity verification by zero-knowledge proof",
     {"kind": "customer", "parties": [party("Tinder", "customer")]}),
    ("both", "funding", "Sequoia raises a new AI fund",
     {"company": "Sequoia", "round": "fund", "summary": "It bets on applications and on cheap infrastructure."}),
    ("none", "funding", "SpaceX is about to go public", {"company": "SpaceX", "round": "IPO", "status": "rumoured"}),
]  # fmt: skip
"""The events of the seed article with the track that FACTS.md states."""


@pytest.mark.parametrize(("track", "event_type", "title", "fields"), SEED, ids=[row[2] for row in SEED])
def test_the_seeds_events_are_on_their_tracks(track: str, event_type: str, title: str, fields: dict[str, Any]) -> None:
    assert verdict(event_type, title, **fields).track == track


@pytest.mark.parametrize(
    ("track", "event_type", "title", "fields"),
    [
        ("cost", "model-release", "New prices", {"kind": "price", "developer": "DeepSeek"}),
        ("cost", "deal", "A contract", {"kind": "chip supply"}),
        ("cost", "metric", "Capacity", {"metric": "installed capacity", "unit": "GW"}),
        ("cost", "funding", "A round", {"company": "Groq"}),
        ("cost", "policy", "New rules", {"kind": "export controls"}),
        ("application", "funding", "A round", {"company": "Harvey"}),
        ("application", "funding", "A round", {"company": "Nobody", "vertical": "legal discovery"}),
        ("application", "deal", "A takeover", {"kind": "acquisition", "parties": [party("Cursor", "target")]}),
        ("application", "metric", "Growth", {"metric": "weekly users", "unit": "users"}),
        ("none", "funding", "A round", {"company": "OpenAI"}),
        ("none", "policy", "A suit", {"kind": "lawsuit"}),
        ("none", "model-release", "A new model", {"developer": "OpenAI"}),
    ],
)
def test_typed_fields_decide_where_the_words_say_nothing(
    track: str, event_type: str, title: str, fields: dict[str, Any]
) -> None:
    assert verdict(event_type, title, **fields).track == track


def test_the_item_is_judged_not_the_organisation() -> None:
    into_law = verdict("funding", "Nvidia invests in a legal AI firm", company="Harvey", lead="NVIDIA", vertical="law")
    gpus = verdict("headline", "OpenAI rents GPUs for a new data center")
    assert (into_law.track, gpus.track) == ("application", "cost")


def test_a_falling_price_is_a_reason_and_a_rising_one_is_none() -> None:
    def reasons(new: float) -> list[str]:
        old = {"value": 3, "currency": "USD"}
        price = {"input": {"value": new, "currency": "USD"}, "previous_input": old}
        return [e.what for e in verdict("model-release", "New prices", kind="price", price=price).evidence]

    assert "the price falls" in reasons(1)
    assert "the price falls" not in reasons(4)


def test_a_fund_is_both_only_where_both_are_stated() -> None:
    applications_only = verdict(
        "funding", "A new fund", company="Sequoia", round="fund", summary="It bets on robotics."
    )
    assert applications_only.track != "both"
    assert not any(reason.kind == "rule" and reason.track == "both" for reason in applications_only.evidence)


def test_a_general_word_counts_half_where_a_cost_is_stated() -> None:
    def weight_of_raise(title: str) -> float:
        return next(e.weight for e in verdict("headline", title).evidence if e.what == "raise")

    assert weight_of_raise("Nobody raises money for a data center") == weight_of_raise("Nobody raises money") / 2


def test_a_headline_is_about_the_company_it_names_where_it_is_about_money() -> None:
    about_money = verdict("headline", "ElevenLabs valuation doubles").evidence
    in_passing = verdict("headline", "ElevenLabs moves").evidence
    assert "about: vertical application company" in [reason.what for reason in about_money]
    assert [reason.what for reason in in_passing if reason.kind == "entity"] == [
        "first named: vertical application company"
    ]


def test_an_ordinary_word_in_a_text_is_no_organisation() -> None:
    assert not [reason for reason in verdict("headline", "The scale of it all").evidence if reason.kind == "entity"]


def test_patterns_see_what_words_cannot_say() -> None:
    evidence = verdict("headline", "A 3 GW site; and a model at $0.40 per 1M tokens with 12B").evidence
    assert {"electric capacity", "price per million tokens", "a small model's size"} <= {
        reason.what for reason in evidence
    }
    assert "a small model's size" not in [reason.what for reason in verdict("headline", "It costs $12B").evidence]


@pytest.mark.parametrize("text", ["1," * 10_000, "1.1 " * 5_000, "$1" * 10_000, "chip " * 4_000])
def test_the_longest_text_takes_no_time_worth_naming(text: str) -> None:
    start = time.perf_counter()
    verdict("headline", text, summary=text)
    assert (
        time.perf_counter() - start < 0.5
    )  # about 0.01 s; a pattern that looks back over its own digits takes seconds


def test_without_reasons_it_is_unsure_and_says_why() -> None:
    empty = verdict("headline", "Lorem ipsum")
    assert empty.track is Track.UNSURE
    (why,) = empty.evidence
    assert why.kind == "rule"
    assert "no track reaches 0.45" in why.what


def test_words_of_a_summary_weigh_less_than_those_of_the_title() -> None:
    in_title = verdict("headline", "A new data center")
    in_summary = verdict("headline", "News of today", summary="A new data center")
    assert in_title.scores["cost"] > in_summary.scores["cost"] > verdict("headline", "News of today").scores["cost"]


def test_a_repeated_word_counts_once_and_like_words_count_less() -> None:
    once, twice, other = (verdict("headline", t).scores["cost"] for t in ("chip", "chip chip chips", "chip gpu wafer"))
    assert once == twice < other
    weights = [e.weight for e in verdict("headline", "chip gpu wafer").evidence]
    assert weights == [weights[0], weights[0] / 2, weights[0] / 4]


TEXT = st.text(max_size=200) | st.lists(
    st.sampled_from(
        ["chip", "data center", "raises", "agent", "video", "lawsuit", "$3B", "5 GW", "OpenAI", "cheaper", "x"]
    )
).map(" ".join)


@given(event_type=st.sampled_from(EVENT_TYPES), title=TEXT.filter(bool), summary=st.none() | TEXT)
def test_scores_sum_to_one_and_the_verdict_follows_from_them(event_type: str, title: str, summary: str | None) -> None:
    classified = verdict(event_type, title, summary=summary)
    scores = classified.scores
    assert set(scores) == {"cost", "application", "both", "none"}
    assert sum(scores.values()) == pytest.approx(1)
    assert all(0 <= score <= 1 for score in scores.values())
    best = max(scores, key=scores.__getitem__)
    assert classified.track == (best if scores[best] >= THRESHOLD else "unsure")


@given(event_type=st.sampled_from(EVENT_TYPES), title=TEXT.filter(bool), summary=st.none() | TEXT)
def test_evidence_is_short_and_strongest_first(event_type: str, title: str, summary: str | None) -> None:
    evidence = verdict(event_type, title, summary=summary).evidence
    weights = [reason.weight for reason in evidence]
    assert len(evidence) <= MOST_EVIDENCE
    assert weights == sorted(weights, reverse=True)
    assert len({(reason.kind, reason.what) for reason in evidence}) == len(evidence)
