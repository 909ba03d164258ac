"""The seed: valid, traceable, in our own words, and complete as to what the seed article reports."""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from ruamel.yaml import YAML

from pipeline.steps.parse import parse
from publishers.sources.bad_inputs import BAD_INPUTS, ODD_INPUTS, SEED, BadInput, RawInput
from schemas.envelope import StructuredEvent, split_type
from schemas.events import BY_TYPE, Event
from schemas.outcomes import Outcome, Parsed, Rejected, Stage
from schemas.records import RawRecord

REPOSITORY: Final = Path(__file__).parents[2]
SHARED: Final = REPOSITORY.parent / "shared"
ARTICLE: Final = SHARED / "seed" / "article.txt"
HEADLINES: Final = SHARED / "data" / "ridehome" / "headlines_ai_2022-11_2026-08.csv"
SHINGLE: Final = 8
"""So many words in a row, taken over, are a quotation."""

AT_LEAST: Final = {
    "deal": 40,
    "model-release": 45,
    "benchmark": 40,
    "funding": 30,
    "metric": 18,
    "incident": 8,
    "policy": 10,
    "headline": 12,
}
PRICE_CHANGES_AT_LEAST: Final = 12

FACTS_EVENTS: Final = frozenset(
    {
        "openai-cerebras-compute-200bn",
        "openai-cerebras-compute-20bn",
        "us-china-gap-mmlu-2-7",
        "us-china-gap-arena-39",
        "anthropic-claude-opus-4-7",
        "anthropic-cyber-evaluation",
        "google-android-realtime-ai",
        "nvidia-lyra-2",
        "tinder-zero-knowledge-identity",
        "sequoia-ai-fund",
        "sequoia-ai-fund-7bn",
        "spacex-ipo",
        "segment-frontier-training-2026",
        "segment-cloud-inference-2026",
        "segment-edge-inference-2026",
        "segment-safety-tools-2026",
    }
)
"""What FACTS.md reports, contradicting reports included."""

UNREADABLE: Final = tuple(bad for bad in BAD_INPUTS if bad.expected_stage is Stage.PARSE)

needs_shared = pytest.mark.skipif(
    not (ARTICLE.exists() and HEADLINES.exists()), reason="the article and the headlines lie beside the repository only"
)


@dataclass(frozen=True)
class Line:
    """One event of the seed and where it stands."""

    where: str
    envelope: StructuredEvent
    event: Event

    @property
    def words(self) -> tuple[str, ...]:
        """What was written for it: title and summary."""
        return tuple(text for text in (self.event.title, self.event.summary) if text)


@cache
def seed() -> tuple[Line, ...]:
    return tuple(_read())


def _read() -> Iterator[Line]:
    for path in sorted(SEED.glob("*.jsonl")):
        for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            envelope = StructuredEvent.model_validate_json(text)
            named = split_type(envelope.type)
            assert named is not None, f"{path.name}:{number}: {envelope.type}"
            yield Line(f"{path.name}:{number}", envelope, BY_TYPE[named].model_validate(envelope.data))


def reference_tables() -> dict[str, dict[str, Any]]:
    names = ("training_hardware", "model_builders", "market_segments")
    return {name: YAML(typ="safe").load(REPOSITORY / "registry" / f"{name}.yaml") for name in names}


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.casefold().replace("’", "").replace("'", ""))


def shingles(text: str, length: int = SHINGLE) -> set[tuple[str, ...]]:
    found = words(text)
    return {tuple(found[i : i + length]) for i in range(len(found) - length + 1)}


@cache
def headlines() -> tuple[str, ...]:
    with HEADLINES.open(encoding="utf-8", newline="") as file:
        return tuple(row["headline"] for row in csv.DictReader(file))


@cache
def protected() -> frozenset[tuple[str, ...]]:
    """Every run of words that belongs to others."""
    texts = (ARTICLE.read_text(encoding="utf-8"), *headlines())
    return frozenset(shingle for text in texts for shingle in shingles(text))


def strings(value: object) -> Iterator[str]:
    """Every string in a structure of dictionaries and lists."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from strings(part)


def test_every_line_stands_in_the_file_of_its_type() -> None:
    for line in seed():
        file = {"policy": "policies", "funding": "funding"}.get(
            line.event.event_type, line.event.event_type.replace("-", "_") + "s"
        )
        assert line.where.startswith(f"{file}.jsonl:"), line.where


def test_identities_are_unique_and_readable() -> None:
    ids = Counter(line.envelope.id for line in seed())
    assert [id for id, times in ids.items() if times > 1] == []
    assert [id for id in ids if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", id)] == []


def test_every_event_says_when_and_where_from() -> None:
    for line in seed():
        extra = line.event.model_extra or {}
        assert line.envelope.source.startswith("seed/"), line.where
        assert line.envelope.time is not None, line.where
        assert line.event.publisher, line.where
        assert line.event.urls or extra.get("provenance"), line.where
        assert extra.get("provenance"), line.where


def test_no_event_is_reported_before_it_happened() -> None:
    for line in seed():
        assert line.envelope.time is not None
        assert line.event.occurred_on.first <= line.envelope.time.date(), line.where


def test_counts_by_type() -> None:
    counted = Counter(line.event.event_type for line in seed())
    assert {event_type: counted[event_type] >= least for event_type, least in AT_LEAST.items()} == dict.fromkeys(
        AT_LEAST, True
    ), counted
    prices = [line for line in seed() if getattr(line.event, "kind", None) == "price"]
    assert len(prices) >= PRICE_CHANGES_AT_LEAST


def test_all_that_the_article_reports_is_there() -> None:
    article = {line.envelope.id for line in seed() if line.envelope.source == "seed/article"}
    assert article >= FACTS_EVENTS


def test_references_between_events_lead_somewhere() -> None:
    known = {(line.envelope.source, line.envelope.id) for line in seed()}
    for line in seed():
        targets = [target.model_dump() for target in (line.event.corrects, line.event.retracts) if target]
        targets += (line.event.model_extra or {}).get("contradicts", [])
        for target in targets:
            assert (target["source"], target["id"]) in known, f"{line.where}: {target}"


def test_the_contradicting_reports_of_one_deal_are_a_factor_of_ten_apart() -> None:
    by_id = {
        line.envelope.id: line.event.money()["amount"].value
        for line in seed()
        if "cerebras" in line.envelope.id and line.event.event_type == "deal"
    }
    assert by_id["openai-cerebras-compute-200bn"] == 10 * by_id["openai-cerebras-compute-20bn"]


def test_reference_tables_have_the_same_columns_in_every_row() -> None:
    for name, table in reference_tables().items():
        assert table["table"] == name
        assert table["description"]
        assert table["source"]
        columns = [tuple(row) for row in table["rows"]]
        assert len(set(columns)) == 1, name
        assert all(row["source"] for row in table["rows"])


def test_market_segments_agree_with_their_events() -> None:
    events = {line.envelope.id: line.event.model_dump() for line in seed()}
    for row in reference_tables()["market_segments"]["rows"]:
        event = events[row["metric_event"]]
        assert (event["low"], event["high"]) == (row["low_usd_bn"] * 10**9, row["high_usd_bn"] * 10**9)


@needs_shared
def test_no_title_is_a_headline() -> None:
    theirs = {tuple(words(headline)) for headline in headlines()}
    assert [line.where for line in seed() if tuple(words(line.event.title)) in theirs] == []


@needs_shared
def test_no_words_are_taken_over() -> None:
    texts = [(line.where, text) for line in seed() for text in line.words]
    texts += [(name, text) for name, table in reference_tables().items() for text in strings(table)]
    texts.append(("SOURCES.md", (SEED / "SOURCES.md").read_text(encoding="utf-8")))
    assert [where for where, text in texts if shingles(text) & protected()] == []


def _record(given: RawInput) -> RawRecord:
    return RawRecord(given.topic, 0, 0, given.key, given.value, given.headers, 1_776_000_000_000)


@pytest.mark.parametrize("bad", UNREADABLE, ids=lambda bad: bad.name)
def test_bad_inputs_are_not_parsed(bad: BadInput) -> None:
    outcome = parse(_record(bad))
    assert isinstance(outcome, Rejected)
    assert outcome.rule == bad.expected_rule


@pytest.mark.parametrize(
    "given",
    [*ODD_INPUTS, *(bad for bad in BAD_INPUTS if bad not in UNREADABLE)],
    ids=lambda given: given.name,
)
def test_odd_inputs_and_those_for_the_checks_are_parsed(given: RawInput) -> None:
    assert isinstance(parse(_record(given)), Parsed)


def test_duplicates_bear_the_identity_of_a_seed_event() -> None:
    known = {(line.envelope.source, line.envelope.id) for line in seed()}
    for odd in ODD_INPUTS:
        value = odd.value
        assert value is not None
        envelope = StructuredEvent.model_validate_json(value)
        same = (envelope.source, envelope.id) in known
        assert same == (odd.expected_outcome is Outcome.DUPLICATE), odd.name
