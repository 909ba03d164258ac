"""The whole path without Kafka: every input ends in exactly one counted outcome, however the batches are cut."""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from dualtrack.settings import Settings
from dualtrack.tools import settle_parts, validate_tools
from pipeline.flow import SettleTools, ValidateTools, settle_batch, validate_batch
from schemas.records import OutRecord, RawRecord
from schemas.settling import Landed
from schemas.topics import REJECTED, VALIDATED
from tests.factories import make_event, make_parsed, make_record

NOW = datetime(2026, 4, 18, tzinfo=UTC)


@pytest.fixture(scope="module")
def validate() -> ValidateTools:
    tools = replace(validate_tools(), clock=lambda: NOW)
    tools.checks.open()
    return tools


@pytest.fixture
def settle(tmp_path: Path) -> Iterator[SettleTools]:
    parts = settle_parts(Settings(home=tmp_path), ("file",))
    parts.open()
    yield replace(parts.tools, clock=lambda: NOW)
    parts.sink.close()


def good(offset: int, type: str = "deal", id: str | None = None, **fields: Any) -> RawRecord:
    return make_parsed(make_event(type, **fields), offset=offset, id=id).record


def as_read(outputs: tuple[OutRecord, ...], start: int = 0) -> list[RawRecord]:
    return [
        RawRecord(out.topic, 0, start + number, out.key, out.value, out.headers, 0)
        for number, out in enumerate(outputs)
    ]


def run(records: list[RawRecord], validate: ValidateTools, settle: SettleTools) -> Landed:
    validated = validate_batch(records, validate)
    return settle_batch(as_read((*validated.passed, *validated.rejected)), settle).landed


def rows(settle: SettleTools, sql: str) -> list[tuple[Any, ...]]:
    with settle.sink.reader() as connection:
        return connection.execute(sql).fetchall()


def test_three_known_rows_of_five_thousand_are_rejected_and_the_others_land(
    validate: ValidateTools, settle: SettleTools
) -> None:
    bad: dict[int, dict[str, Any]] = {
        17: {"occurred_on": "1875-03-01"},
        2500: {"amount": {"value": -5, "currency": "USD"}},
    }
    bad[4999] = {"amount": {"value": 5, "currency": "ZZZ"}}
    records = [good(offset, **bad.get(offset, {})) for offset in range(5000)]
    landed = run(records, validate, settle)
    assert (landed.landed, landed.duplicate, landed.rejected) == (4997, 0, 3)
    found = rows(settle, 'SELECT "offset", stage FROM rejections ORDER BY 1')
    assert found == [(17, "check"), (2500, "check"), (4999, "check")]


def test_both_outputs_together_hold_every_input_once(validate: ValidateTools) -> None:
    records = [good(0), make_record(b"<", offset=1), good(2, occurred_on="2190-01-01"), make_record(None, offset=3)]
    validated = validate_batch(records, validate)
    assert {record.topic for record in validated.passed} == {VALIDATED}
    assert {record.topic for record in validated.rejected} == {REJECTED}
    names = [dict(record.headers)["dualtrack-input-offset"] for record in (*validated.passed, *validated.rejected)]
    assert sorted(names) == [b"0", b"1", b"2", b"3"]


def test_an_empty_batch_is_fine(validate: ValidateTools, settle: SettleTools) -> None:
    assert run([], validate, settle) == Landed()


def test_a_headline_that_is_plain_becomes_a_typed_event(validate: ValidateTools, settle: SettleTools) -> None:
    title = "Mistral AI raises $600 million in series B funding"
    run([good(0, "headline", title=title)], validate, settle)
    found = rows(settle, "SELECT event_type, derived_from IS NOT NULL, amount_usd FROM events")
    assert found == [("funding", True, 600_000_000)]


def test_what_is_odd_lands_flagged(validate: ValidateTools, settle: SettleTools) -> None:
    unseen = {"source": "nobody", "id": "never"}
    parties = [{"name": "Quux Industries", "role": "buyer"}]
    landed = run([good(0, parties=parties), good(1, corrects=unseen)], validate, settle)
    assert landed.landed == 2
    assert rows(
        settle, "SELECT len(list_filter(warnings, w -> w.rule = 'unknown_organisation')) FROM events ORDER BY 1"
    )
    assert len(rows(settle, "FROM unmatched_corrections")) == 1


def test_the_same_identity_with_other_content_is_a_flagged_duplicate(
    validate: ValidateTools, settle: SettleTools
) -> None:
    landed = run([good(0, id="a"), good(1, id="a"), good(2, id="a", title="Another")], validate, settle)
    assert (landed.landed, landed.duplicate) == (1, 2)
    assert rows(settle, 'SELECT "offset", differs FROM duplicates ORDER BY 1') == [(1, False), (2, True)]


def test_every_seed_event_lands(validate: ValidateTools, settle: SettleTools) -> None:
    from dualtrack.demo.run import seed_events

    records = [
        make_record(json.dumps(event).encode(), topic="file:seed", offset=n) for n, event in enumerate(seed_events())
    ]
    landed = run(records, validate, settle)
    assert landed.landed == len(records)
    assert landed.rejected == 0


KINDS = st.sampled_from(["good", "bad", "unreadable", "again"])


@settings(
    max_examples=12,
    deadline=None,
    # Each example opens a store: shrinking would take minutes, and the short lists say enough.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(kinds=st.lists(KINDS, min_size=1, max_size=12), seed=st.integers(0, 1000))
def test_the_sum_equals_the_input_however_batches_are_cut_and_redelivered(
    kinds: list[str], seed: int, validate: ValidateTools, tmp_path_factory: pytest.TempPathFactory
) -> None:
    make: dict[str, Callable[[int], RawRecord]] = {
        "good": good,
        "bad": lambda n: good(n, occurred_on="1875-01-01"),
        "unreadable": lambda n: make_record(b"\xff", offset=n),
        "again": lambda n: good(n, id="same"),
    }
    records = [make[kind](n) for n, kind in enumerate(kinds)]
    rng = random.Random(seed)
    parts = settle_parts(Settings(home=tmp_path_factory.mktemp("home")), ("file",))
    parts.open()
    try:
        total = Landed()
        for start in range(0, len(records), 3):
            batch = records[start : start + 3]
            total += run(batch, validate, parts.tools)
            if rng.random() < 0.5:
                total += run(batch, validate, parts.tools)
        assert total.landed + total.duplicate + total.rejected == len(records)
        assert total.landed == kinds.count("good") + bool(kinds.count("again"))
        with parts.sink.reader() as connection:
            assert connection.execute("SELECT count(*) FROM outcomes").fetchall() == [(len(records),)]
    finally:
        parts.sink.close()


HARM: dict[str, Any] = {
    "occurred_on": "2026-05-02",
    "severity": "fatal",
    "harm_kind": "autonomous system",
    "attributed_to_model": True,
    "poorly_aligned": True,
    "price_class": "cut cost",
}


def state_of(settle: SettleTools, prediction: str, reading: str) -> str:
    sql = f"SELECT state FROM predictions WHERE prediction = '{prediction}' AND reading = '{reading}'"
    return str(rows(settle, sql)[0][0])


def test_a_retraction_of_another_type_takes_a_milestone_back_at_once(
    validate: ValidateTools, settle: SettleTools
) -> None:
    run([good(0, "incident", id="harm", **HARM)], validate, settle)
    assert state_of(settle, "p4a", "horizon") == "met"
    run([good(1, "headline", retracts={"source": "tests", "id": "harm"})], validate, settle)
    assert state_of(settle, "p4a", "horizon") == "open"


@pytest.mark.parametrize("status", ["rumoured", "denied"])
def test_a_rumour_and_a_denial_meet_no_prediction(status: str, validate: ValidateTools, settle: SettleTools) -> None:
    run([good(0, "incident", status=status, **HARM)], validate, settle)
    assert state_of(settle, "p4a", "horizon") == "open"


def test_a_deal_of_a_thousand_parties_is_rejected_not_left_to_jam_the_views(validate: ValidateTools) -> None:
    data = make_event("deal").model_dump(mode="json", exclude_unset=True)
    data["parties"] = [{"name": f"Firm {n}", "role": "lab"} for n in range(1000)]
    envelope = {"specversion": "1.0", "id": "1", "source": "tests", "type": "ai.dualtrack.deal.v1"}
    validated = validate_batch([make_record(json.dumps({**envelope, "data": data}).encode())], validate)
    assert validated.passed == ()
    assert b"at most 50" in dict(validated.rejected[0].headers)["__connect.errors.exception.message"]


def test_a_currency_of_its_day_lands(validate: ValidateTools, settle: SettleTools) -> None:
    gone = good(0, "funding", occurred_on="2022-06-01", amount={"value": 7, "currency": "HRK"}, valuation=None)
    assert run([gone], validate, settle).landed == 1
    assert rows(settle, "SELECT amount_usd > 0 FROM events") == [(True,)]
